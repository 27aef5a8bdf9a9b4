"""Splittings for H = T + V with T quadratic in the momenta: [V, [V, [V, T]]] = 0 leaves fewer conditions."""

from __future__ import annotations

from hpcphys.compiler.compositions.composition import Composition, palindrome
from hpcphys.compiler.compositions.splittings import BLANES_MOAN

TABLES = (
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
