"""Splittings for H = T + V with T quadratic in the momenta: [V, [V, [V, T]]] = 0 leaves fewer conditions."""

from __future__ import annotations

from hpcphys.compiler.compositions.composition import Composition, palindrome
from hpcphys.compiler.compositions.splittings import BLANES_MOAN

_MCLACHLAN_ATELA = "McLachlan & Atela (1992) Nonlinearity 5, 541"

TABLES = (
    Composition(
        "mclachlan_atela4",
        4,
        f"{_MCLACHLAN_ATELA} (four stages)",
        symmetric=False,
        a=(0.515352837431122936, -0.085782019412973646, 0.441583023616466524, 0.128846158365384185),
        b=(0.134496199277431089, -0.224819803079420806, 0.756320000515668291, 0.334003603286321425),
        first="b",
        nystrom=True,
    ),
    Composition(
        "calvo_sanz_serna4",
        4,
        # Printed with 14 digits; solved to double precision by scaling/refine_compositions.py.
        "Calvo & Sanz-Serna (1993) SIAM J. Sci. Comput. 14, 936",
        symmetric=False,
        a=(0.2051776615422892631, 0.4030212816042118280, -0.1209208763389116150, 0.5127219331924105240),
        b=(
            0.06175885813562880975,
            0.3389780265536420283,
            0.6147913071755780872,
            -0.1405480146593752137,
            0.1250198227945262885,
        ),
        first="b",
        nystrom=True,
    ),
    Composition(
        "mclachlan_atela5",
        5,
        f"{_MCLACHLAN_ATELA} (six stages)",
        symmetric=False,
        a=(
            0.33983962583911,
            -0.088601336903027329,
            0.5858564768259621188,
            -0.603039356536491888,
            0.3235807965546976394,
            0.4423637942197494587,
        ),
        b=(
            0.1193900292875672758,
            0.6989273703824752308,
            -0.1713123582716007754,
            0.401269502251353448,
            0.010705081848235984,
            -0.0589796254980311632,
        ),
        first="b",
        nystrom=True,
    ),
    Composition(
        "blanes_moan_rkn4",
        4,
        f"{BLANES_MOAN}, table 3, SRKN 6b (its error is least for quadratic T; order 4 for any)",
        a=palindrome([0.245298957184271, 0.604872665711080], doubled_centre=True),
        b=palindrome([0.0829844064174052, 0.396309801498368, -0.0390563049223486]),
        first="b",
    ),
    Composition(
        "blanes_moan_rkn6",
        6,
        f"{BLANES_MOAN}, table 3, SRKN 11b",
        a=palindrome(
            [0.123229775946271, 0.290553797799558, -0.127049212625417, -0.246331761062075, 0.357208872795928],
        ),
        b=palindrome(
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
        f"{BLANES_MOAN}, table 3, SRKN 14a",
        a=palindrome(
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
        b=palindrome(
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
