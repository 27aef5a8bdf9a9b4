"""Compositions of a symmetric step S2 with weights: for any number of pieces.

S2(w1 h) S2(w2 h) ... has order p where the weights solve the order conditions of symmetric compositions:
Hairer, Lubich & Wanner (2006), section V.3.  Yoshida's are printed with 15 digits, which leaves residuals of
1e-14; here they are solved to double precision (scaling/refine_compositions.py).
"""

from __future__ import annotations

from hpcphys.compiler.compositions.composition import Composition, palindrome

_CUBE = 2.0 ** (1.0 / 3.0)


def _fractal(order: int) -> tuple[float, ...]:
    """Suzuki's weights: S_p = S(w)² S(1 - 4w) S(w)² of the order below, w = 1/(4 - 4^(1/(p - 1)))."""
    if order == 2:
        return (1.0,)
    w = 1.0 / (4.0 - 4.0 ** (1.0 / (order - 1)))
    return tuple(x * y for x in (w, w, 1.0 - 4.0 * w, w, w) for y in _fractal(order - 2))


_YOSHIDA = "Yoshida (1990) Phys. Lett. A 150, 262"
_KAHAN_LI = "Kahan & Li (1997) Math. Comp. 66, 1089"

TABLES = (
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
        weights=palindrome([1.0 / (2.0 - _CUBE)]),
    ),
    Composition(
        "suzuki4",
        4,
        "Suzuki (1990) Phys. Lett. A 146, 319",
        weights=_fractal(4),
    ),
    Composition(
        "suzuki6",
        6,
        "Suzuki (1990) Phys. Lett. A 146, 319",
        weights=_fractal(6),
    ),
    Composition(
        "yoshida6",
        6,
        f"{_YOSHIDA}, solution A",
        weights=palindrome(
            [0.78451361047755726381949763, 0.23557321335935813368479318, -1.17767998417887100694641568]
        ),
    ),
    Composition(
        "yoshida6_b",
        6,
        f"{_YOSHIDA}, solution B",
        weights=palindrome([1.439848167976783090930, 0.004260681870792016196084, -2.132285222001451520706]),
    ),
    Composition(
        "yoshida6_c",
        6,
        f"{_YOSHIDA}, solution C",
        weights=palindrome([1.447782562399297932898, -2.144035316305389310601, 0.001528862284249270252267]),
    ),
    Composition(
        "kahan_li6",
        6,
        f"{_KAHAN_LI}; Hairer, Lubich & Wanner (2006) section V.3.2",
        weights=palindrome(
            [0.39216144400731413928, 0.33259913678935943860, -0.70624617255763935981, 0.082213596293550800230]
        ),
    ),
    Composition(
        "yoshida8",
        8,
        f"{_YOSHIDA}, solution D",
        weights=palindrome(
            [
                0.9148442462297915667488,
                0.2536933365662113541461,
                -1.444852236860605157695,
                -0.1582406353680501752041,
                1.938139137622525986579,
                -1.960610232975310807608,
                0.1027998493917964406981,
            ]
        ),
    ),
    Composition(
        "suzuki_umeno8",
        8,
        "Suzuki & Umeno (1993); McLachlan (1995) SIAM J. Sci. Comput. 16, 151; "
        "Hairer, Lubich & Wanner (2006) section V.3.2",
        weights=palindrome(
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
        weights=palindrome(
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
        "sofroniou_spaletta10",
        10,
        "Sofroniou & Spaletta (2005) Optim. Methods Softw. 20, 597; Hairer, Lubich & Wanner (2006) "
        "section V.3.2",
        weights=palindrome(
            [
                0.07879572252168641926390768,
                0.31309610341510852776481247,
                0.02791838323507806610952027,
                -0.22959284159390709415121340,
                0.13096206107716486317465686,
                -0.26973340565451071434460973,
                0.07497334315589143566613711,
                0.11199342399981020488957508,
                0.36613344954622675119314812,
                -0.39910563013603589787862981,
                0.10308739852747107731580277,
                0.41143087395589023782070412,
                -0.00486636058313526176219566,
                -0.39203335370863990644808194,
                0.05194250296244964703718290,
                0.05066509075992449633587434,
                0.04967437063972987905456880,
            ]
        ),
    ),
)
