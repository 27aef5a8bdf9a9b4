"""Splittings whose kicks follow a modified potential, V - g dt² |F|²: fewer flows for the same order.

The coefficients g are those of `Composition.gradient`. All need a kinetic energy quadratic in the momenta.
"""

from __future__ import annotations

from hpcphys.compiler.compositions.composition import Composition, palindrome

_CHIN = "Chin (1997) Phys. Lett. A 226, 344"
_OMELYAN = "Omelyan, Mryglod & Folk (2003) Comput. Phys. Commun. 151, 272"
_ROOT3 = 3.0**0.5

# Gradients of the outer kicks of the eighth-order method.
_OUTER = (
    0.00014743936907797528364717244760736,
    0.00023288450531932545357194967600155,
    0.0061648659635535962497705619884752,
    -0.012307516860831240716732016960034,
    -0.000073296648559126385387017161643798,
)

TABLES = (
    Composition(
        "chin4a",
        4,
        f"{_CHIN}, scheme A",
        a=(1.0 / 2.0, 1.0 / 2.0),
        b=(1.0 / 6.0, 2.0 / 3.0, 1.0 / 6.0),
        gradient=(0.0, 1.0 / 72.0, 0.0),
        first="b",
        nystrom=True,
    ),
    Composition(
        "chin4b",
        4,
        f"{_CHIN}, scheme B",
        a=palindrome([(1.0 - 1.0 / _ROOT3) / 2.0]),
        b=(1.0 / 2.0, 1.0 / 2.0),
        gradient=((2.0 - _ROOT3) / 48.0, (2.0 - _ROOT3) / 48.0),
        first="a",
        nystrom=True,
    ),
    Composition(
        "chin4c",
        4,
        f"{_CHIN}, scheme C",
        a=(1.0 / 6.0, 1.0 / 3.0, 1.0 / 3.0, 1.0 / 6.0),
        b=(3.0 / 8.0, 1.0 / 4.0, 3.0 / 8.0),
        gradient=(0.0, 1.0 / 192.0, 0.0),
        first="a",
        nystrom=True,
    ),
    Composition(
        "omelyan4_gradient",
        4,
        f"{_OMELYAN}, eqs. 72 and 78",
        a=palindrome([0.06419108866816235, 0.1919807940455741], doubled_centre=True),
        b=palindrome([0.1518179640276466, 0.2158369476787619]),
        gradient=(0.0, 0.0009628905212024874, 0.0, 0.0009628905212024874, 0.0),
        first="a",
        nystrom=True,
    ),
    Composition(
        "omelyan6_gradient",
        6,
        f"{_OMELYAN}, eqs. 72 and 76",
        a=palindrome([0.1097059723948682, 0.4140632267310831], doubled_centre=True),
        b=palindrome([0.2693315848935301, 1.1319803486515564]),
        gradient=(0.0008642161339706166, 0.0, -0.01324638643416052, 0.0, 0.0008642161339706166),
        first="a",
        nystrom=True,
    ),
    Composition(
        "omelyan8_gradient",
        8,
        "Omelyan, Mryglod & Folk (2002) Phys. Rev. E 66, 026701, eq. 53",
        a=palindrome(
            [
                0.41009674738801111928784693005080,
                -0.34123345756052780489101697378499,
                0.25644714021068150492361761631743,
                0.27765273975812438394100476242641,
                -0.56926266869753773902939657321159,
            ],
            doubled_centre=True,
        ),
        b=palindrome(
            [
                0.0048249309817414952912695842664785,
                0.17492394861090375603419001374207,
                0.29304366370957066164364546204288,
                0.047448940168459770284238136482511,
                -0.0015299863411743974499219652320477,
            ]
        ),
        gradient=(*_OUTER, 0.015295860994523744731993293847001, *reversed(_OUTER)),
        first="a",
        nystrom=True,
    ),
)
