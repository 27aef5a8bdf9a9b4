"""Splittings of Langevin dynamics: drift A, kick B, and O, the exact Ornstein-Uhlenbeck flow of the momenta.

    dq = p/m dt,   dp = F dt - gamma p dt + sqrt(2 gamma kT m) dW

All have weak order 2; the velocities of gsd belong to the half step, and its moments of the momenta have
order 1 at the ends of the steps.  They differ in what they sample: on a harmonic oscillator of frequency w,
with x = w h/2, the variances of the positions and momenta at the end of a step are, for every friction,

             m w² <q²>/kT    <p²>/(m kT)
    baoab    1               1 - x²
    gsd      1               1
    obabo    1/(1 - x²)      1
    aboba    1               1/(1 - x²)
    oabao    1 - x²          1

Source: Leimkuhler & Matthews (2013) Appl. Math. Res. Express 2013, 34; Bussi & Parrinello (2007) Phys. Rev. E
75, 056707 (obabo); Goga et al. (2012) J. Chem. Theory Comput. 8, 3637, and Kieninger & Keller (2022) J. Chem.
Theory Comput. 18, 5792 (gsd); Zhang, Liu, Yan, Tuckerman & Liu (2019) J. Phys. Chem. A 123, 6056 (middle).
"""

from __future__ import annotations

from hpcphys.compiler.compositions.composition import Composition

_LEIMKUHLER = "Leimkuhler & Matthews (2013) Appl. Math. Res. Express 2013, 34"


def _word(letters: str) -> tuple[tuple[str, float], ...]:
    """Each letter in turn, with the fraction of a step that makes its sum 1."""
    return tuple((letter, 1.0 / letters.count(letter)) for letter in letters)


TABLES = (
    Composition("baoab", 2, _LEIMKUHLER, sequence=_word("BAOAB")),
    Composition("obabo", 2, "Bussi & Parrinello (2007) Phys. Rev. E 75, 056707", sequence=_word("OBABO")),
    Composition("aboba", 2, _LEIMKUHLER, sequence=_word("ABOBA")),
    Composition("oabao", 2, _LEIMKUHLER, sequence=_word("OABAO")),
    Composition(
        "gsd",
        2,
        "Goga et al. (2012) J. Chem. Theory Comput. 8, 3637; Zhang et al. (2019) J. Phys. Chem. A 123, 6056",
        symmetric=False,
        sequence=_word("BAOA"),
    ),
)
