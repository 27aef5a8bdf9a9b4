"""Compositions of a symmetric step S2 with weights: for any number of pieces.

S2(w1 h) S2(w2 h) ... has order p where the weights solve the order conditions of symmetric compositions:
Hairer, Lubich & Wanner (2006), section V.3.
"""

from __future__ import annotations

from hpcphys.compiler.compositions.composition import Composition, palindrome

_CUBE = 2.0 ** (1.0 / 3.0)
_QUARTER = 4.0 ** (1.0 / 3.0)

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
        weights=palindrome([1.0 / (4.0 - _QUARTER)] * 2),
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
)
