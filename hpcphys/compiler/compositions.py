"""Compositions: the coefficients of splitting methods, each with its order and source.

A step of H = A + B is a product of flows  phi_A(a1 h) phi_B(b1 h) phi_A(a2 h) ...  For particles A = T
(drift) and B = V (kick). Two kinds of table:
- a composition of the symmetric basic step S2(h) = B(h/2) A(h) B(h/2) with weights w:  S2(w1 h) S2(w2 h) ...
  (works for any number of pieces: the last piece of the system is the outermost);
- a splitting of exactly two pieces with separate coefficients a and b.
Nyström tables need T quadratic in the momenta: [V, [V, [V, T]]] = 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Composition:
    """Coefficients of one method.

    order: the step has a global error O(h^order); a test measures it
    symmetric: the step h followed by the step -h returns the start
    weights: of S2 steps, or (); `outer_first`: S2 begins with the last piece (kick-drift-kick)
    a, b: coefficients of the first and second piece, or (); `first` is the piece that begins: "a" or "b"
    nystrom: valid only for a quadratic kinetic energy
    """

    name: str
    order: int
    source: str
    symmetric: bool = True
    weights: tuple[float, ...] = ()
    outer_first: bool = True
    a: tuple[float, ...] = ()
    b: tuple[float, ...] = ()
    first: str = "a"
    nystrom: bool = False

    def stages(self, pieces: int) -> tuple[tuple[int, float], ...]:
        """(index of the piece, coefficient of dt) in the order of application, for a system of `pieces`
        pieces.

        Raises ValueError if the composition is a splitting of two pieces and the system has another number.
        """
        if self.weights:
            order = list(range(pieces))[::-1] if self.outer_first else list(range(pieces))
            if not self.symmetric:
                return tuple((piece, w) for w in self.weights for piece in order)
            outer, inner = order[:-1], order[-1]
            half = [(piece, 0.5) for piece in outer]
            step = [*half, (inner, 1.0), *reversed(half)]
            return tuple((piece, w * c) for w in self.weights for piece, c in step)
        if pieces != 2:
            raise ValueError(
                f"composition {self.name!r} splits two pieces and the system has {pieces}; "
                f"for any number of pieces choose one of {', '.join(general_compositions())}"
            )
        sequences = {"a": [(0, x) for x in self.a], "b": [(1, x) for x in self.b]}
        leading, following = sequences[self.first], sequences["b" if self.first == "a" else "a"]
        stages = []
        for i, stage in enumerate(leading):
            stages.append(stage)
            if i < len(following):
                stages.append(following[i])
        return tuple(stages)


def _palindrome(
    half: Sequence[float], *, doubled_centre: bool = False, total: float = 1.0
) -> tuple[float, ...]:
    """half, centre, reversed half with the centre that makes the sum `total`; or without a single centre:
    the last of the half is what is missing to total/2 and appears twice."""
    if doubled_centre:
        full = [*half, total / 2 - sum(half)]
        return (*full, *reversed(full))
    return (*half, total - 2 * sum(half), *reversed(half))


_CUBE = 2.0 ** (1.0 / 3.0)
_QUARTER = 4.0 ** (1.0 / 3.0)
_ROOT = 471.0**0.5
_XI, _LAMBDA, _CHI = 0.1786178958448091, -0.2123418310626054, -0.06626458266981849

_YOSHIDA = "Yoshida (1990) Phys. Lett. A 150, 262"
_BLANES_MOAN = "Blanes & Moan (2002) J. Comput. Appl. Math. 142, 313"
_KAHAN_LI = "Kahan & Li (1997) Math. Comp. 66, 1089"

_TABLES = (
    Composition(
        "lie_trotter",
        1,
        "Trotter (1959); Hairer, Lubich & Wanner (2006) section II.5",
        symmetric=False,
        weights=(1.0,),
    ),
    Composition(
        "leapfrog",
        2,
        "Strang (1968); Störmer-Verlet, Hairer, Lubich & Wanner (2006) eq. I.1.15",
        weights=(1.0,),
    ),
    Composition(
        "leapfrog_dkd",
        2,
        "Strang (1968); Störmer-Verlet, Hairer, Lubich & Wanner (2006) eq. I.1.17",
        weights=(1.0,),
        outer_first=False,
    ),
    Composition(
        "yoshida4",
        4,
        f"Forest & Ruth (1990) Physica D 43, 105; {_YOSHIDA}",
        weights=_palindrome([1.0 / (2.0 - _CUBE)]),
    ),
    Composition(
        "suzuki4",
        4,
        "Suzuki (1990) Phys. Lett. A 146, 319",
        weights=_palindrome([1.0 / (4.0 - _QUARTER)] * 2),
    ),
    Composition(
        "yoshida6",
        6,
        f"{_YOSHIDA}, solution A",
        weights=_palindrome(
            [0.78451361047755726381949763, 0.23557321335935813368479318, -1.17767998417887100694641568]
        ),
    ),
    Composition(
        "kahan_li6",
        6,
        f"{_KAHAN_LI}; Hairer, Lubich & Wanner (2006) section V.3.2",
        weights=_palindrome(
            [0.39216144400731413928, 0.33259913678935943860, -0.70624617255763935981, 0.082213596293550800230]
        ),
    ),
    Composition(
        "yoshida8",
        8,
        f"{_YOSHIDA}, solution D",
        weights=_palindrome(
            [
                0.914844246229740,
                0.253693336566229,
                -1.44485223686048,
                -0.158240635368243,
                1.93813913762276,
                -1.96061023297549,
                0.102799849391985,
            ]
        ),
    ),
    Composition(
        "suzuki_umeno8",
        8,
        "Suzuki & Umeno (1993); McLachlan (1995) SIAM J. Sci. Comput. 16, 151; "
        "Hairer, Lubich & Wanner (2006) section V.3.2",
        weights=_palindrome(
            [
                0.74167036435061295344822780,
                -0.40910082580003159399730010,
                0.19075471029623837995387626,
                -0.57386247111608226665638773,
                0.29906418130365592384446354,
                0.33462491824529818378495798,
                0.31529309239676659663205666,
            ]
        ),
    ),
    Composition(
        "kahan_li8",
        8,
        f"{_KAHAN_LI}; Hairer, Lubich & Wanner (2006) section V.3.2",
        weights=_palindrome(
            [
                0.13020248308889008088,
                0.56116298177510838456,
                -0.38947496264484728641,
                0.15884190655515560090,
                -0.39590389413323757734,
                0.18453964097831570709,
                0.25837438768632204729,
                0.29501172360931029887,
            ]
        ),
    ),
    Composition(
        "pefrl",
        4,
        "Omelyan, Mryglod & Folk (2002) Comput. Phys. Commun. 146, 188",
        a=(_XI, _CHI, 1.0 - 2.0 * (_CHI + _XI), _CHI, _XI),
        b=(0.5 - _LAMBDA, _LAMBDA, _LAMBDA, 0.5 - _LAMBDA),
        first="a",
    ),
    Composition(
        "mclachlan4",
        4,
        "McLachlan (1995) SIAM J. Sci. Comput. 16, 151 (four stages)",
        a=_palindrome([(642.0 + _ROOT) / 3924.0, 121.0 * (12.0 - _ROOT) / 3924.0]),
        b=_palindrome([6.0 / 11.0], doubled_centre=True),
        first="a",
    ),
    Composition(
        "blanes_moan4",
        4,
        f"{_BLANES_MOAN}, table 2, S6",
        a=_palindrome([0.0792036964311957, 0.353172906049774, -0.0420650803577195]),
        b=_palindrome([0.209515106613362, -0.143851773179818], doubled_centre=True),
        first="a",
    ),
    Composition(
        "blanes_moan6",
        6,
        f"{_BLANES_MOAN}, table 2, S10",
        a=_palindrome(
            [0.0502627644003922, 0.413514300428344, 0.0450798897943977, -0.188054853819569, 0.541960678450780]
        ),
        b=_palindrome(
            [0.148816447901042, -0.132385865767784, 0.067307604692185, 0.432666402578175], doubled_centre=True
        ),
        first="a",
    ),
    Composition(
        "blanes_moan_rkn4",
        4,
        f"{_BLANES_MOAN}, table 3, SRKN 6b (its error is least for quadratic T; order 4 for any)",
        a=_palindrome([0.245298957184271, 0.604872665711080], doubled_centre=True),
        b=_palindrome([0.0829844064174052, 0.396309801498368, -0.0390563049223486]),
        first="b",
    ),
    Composition(
        "blanes_moan_rkn6",
        6,
        f"{_BLANES_MOAN}, table 3, SRKN 11b",
        a=_palindrome(
            [0.123229775946271, 0.290553797799558, -0.127049212625417, -0.246331761062075, 0.357208872795928],
        ),
        b=_palindrome(
            [
                0.0414649985182624,
                0.198128671918067,
                -0.0400061921041533,
                0.0752539843015807,
                -0.0115113874206879,
            ],
            doubled_centre=True,
        ),
        first="b",
        nystrom=True,
    ),
    Composition(
        "blanes_moan_rkn6_14a",
        6,
        f"{_BLANES_MOAN}, table 3, SRKN 14a",
        a=_palindrome(
            [
                0.0378593198406116,
                0.102635633102435,
                -0.0258678882665587,
                0.314241403071447,
                -0.130144459517415,
                0.106417700369543,
                -0.00879424312851058,
            ]
        ),
        b=_palindrome(
            [
                0.09171915262446165,
                0.183983170005006,
                -0.05653436583288827,
                0.004914688774712854,
                0.143761127168358,
                0.328567693746804,
            ],
            doubled_centre=True,
        ),
        first="a",
        nystrom=True,
    ),
)

compositions: dict[str, Composition] = {table.name: table for table in _TABLES}
aliases: dict[str, str] = {
    "strang": "leapfrog",
    "leapfrog_kdk": "leapfrog",
    "forest_ruth": "yoshida4",
    "blanes_moan_rkn6_11b": "blanes_moan_rkn6",
}


def general_compositions() -> list[str]:
    """Names of the compositions that take any number of pieces."""
    return [name for name, table in compositions.items() if table.weights]


def composition_names() -> list[str]:
    """Every name that `composition` accepts, aliases included."""
    return sorted([*compositions, *aliases])


def composition(name: str) -> Composition:
    """The composition of that name. Raises ValueError that lists the allowed names."""
    table = compositions.get(aliases.get(name, name))
    if table is None:
        raise ValueError(f"unknown composition {name!r}; allowed: {', '.join(composition_names())}")
    return table
