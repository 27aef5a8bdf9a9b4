"""Splittings of two pieces A and B with coefficients of their own, for any H = A + B."""

from __future__ import annotations

from hpcphys.compiler.compositions.composition import Composition, palindrome

_ROOT = 471.0**0.5
_ROOT19 = 19.0**0.5
_CUBIC = (2.0 * 326.0**0.5 + 36.0) ** (1.0 / 3.0)
_XI, _LAMBDA, _CHI = 0.1786178958448091, -0.2123418310626054, -0.06626458266981849

BLANES_MOAN = "Blanes & Moan (2002) J. Comput. Appl. Math. 142, 313"

TABLES = (
    Composition(
        "mclachlan2",
        2,
        "McLachlan (1995) SIAM J. Sci. Comput. 16, 151 (two stages); Omelyan, Mryglod & Folk (2003) "
        "Comput. Phys. Commun. 151, 272, eq. 31",
        a=(0.5, 0.5),
        b=palindrome([0.5 - _CUBIC / 12.0 + 1.0 / (6.0 * _CUBIC)]),
        first="b",
    ),
    Composition(
        "ruth3",
        3,
        "Ruth (1983) IEEE Trans. Nucl. Sci. 30, 2669",
        symmetric=False,
        a=(2.0 / 3.0, -2.0 / 3.0, 1.0),
        b=(7.0 / 24.0, 3.0 / 4.0, -1.0 / 24.0),
        first="b",
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
        a=palindrome([(642.0 + _ROOT) / 3924.0, 121.0 * (12.0 - _ROOT) / 3924.0]),
        b=palindrome([6.0 / 11.0], doubled_centre=True),
        first="a",
    ),
    Composition(
        "mclachlan4_5",
        4,
        "McLachlan (1995) SIAM J. Sci. Comput. 16, 151 (five stages)",
        a=palindrome([2.0 / 5.0, -1.0 / 10.0]),
        b=palindrome([(14.0 - _ROOT19) / 108.0, (20.0 - 7.0 * _ROOT19) / 108.0], doubled_centre=True),
        first="b",
    ),
    Composition(
        "omelyan4",
        4,
        "Omelyan, Mryglod & Folk (2003) Comput. Phys. Commun. 151, 272, eqs. 63 and 71",
        a=palindrome([0.2539785108410595, -0.03230286765269967]),
        b=palindrome([0.08398315262876693, 0.6822365335719091], doubled_centre=True),
        first="b",
    ),
    Composition(
        "blanes_moan4",
        4,
        f"{BLANES_MOAN}, table 2, S6",
        a=palindrome([0.0792036964311957, 0.353172906049774, -0.0420650803577195]),
        b=palindrome([0.209515106613362, -0.143851773179818], doubled_centre=True),
        first="a",
    ),
    Composition(
        "blanes_moan6",
        6,
        f"{BLANES_MOAN}, table 2, S10",
        a=palindrome(
            [0.0502627644003922, 0.413514300428344, 0.0450798897943977, -0.188054853819569, 0.541960678450780]
        ),
        b=palindrome(
            [0.148816447901042, -0.132385865767784, 0.067307604692185, 0.432666402578175], doubled_centre=True
        ),
        first="a",
    ),
)
