"""Order conditions of splitting methods, in the algebra of words: no test problem, no tolerance of a solver.

The flow of H = A + B over a step h is exp(h (D_A + D_B)), a splitting is a product of exp(h a D_A) and
exp(h b D_B).  Both are series in words of the letters A and B; the method has order p where the series agree
for all words of up to p letters.  The gradient of a kick adds g [B, [A, B]] to its exponent.  For a kinetic
energy quadratic in the momenta [B, [B, [B, A]]] = 0: the difference need only vanish modulo the ideal that
this element generates.

Source: Murua & Sanz-Serna (1999) Phil. Trans. R. Soc. A 357, 1079; Blanes, Casas & Murua (2008) Bol. Soc.
Esp. Mat. Apl. 45, 89, section 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import product
from typing import Any

import numpy as np

from hpcphys.compiler.compositions.composition import Composition

Series = dict[str, Any]
StageOfTwo = tuple[str, Any, Any]

# [B, [A, B]] = 2 BAB - BBA - ABB.
_GRADIENT = {"BAB": 2, "BBA": -1, "ABB": -1}
# [B, [B, [B, A]]], which vanishes for a quadratic kinetic energy.
_NYSTROM = {"BBBA": 1, "BBAB": -3, "BABB": 3, "ABBB": -1}


def stages_of_two(composition: Composition) -> tuple[StageOfTwo, ...]:
    """(letter, coefficient, gradient) in order of application, of a composition for two pieces A and B."""
    return tuple(("AB"[piece], c, g) for piece, c, g in composition.stages(["A", "B"]))


def _times_flow(series: Series, stage: StageOfTwo, degree: int) -> Series:
    """series * exp(c X + g [B, [A, B]]), cut behind words of `degree` letters."""
    letter, coefficient, gradient = stage
    exponent: Series = {letter: coefficient}
    if gradient:
        exponent |= {word: gradient * factor for word, factor in _GRADIENT.items()}
    total, term = dict(series), series
    for order in range(1, degree + 1):
        following: Series = {}
        for word, value in term.items():
            for tail, factor in exponent.items():
                if len(word) + len(tail) <= degree:
                    longer = word + tail
                    following[longer] = following.get(longer, 0) + value * factor / order
        term = following
        for word, value in term.items():
            total[word] = total.get(word, 0) + value
    return total


def expansion(stages: Sequence[StageOfTwo], degree: int) -> Series:
    """Word -> coefficient of a step as a series in A and B, up to `degree` letters.

    stages: (letter, coefficient, gradient); numbers of any kind (float, fractions, mpmath)
    The operators stand in the order of application, as for Lie derivatives.
    """
    series: Series = {"": 1}
    for stage in stages:
        series = _times_flow(series, stage, degree)
    return series


@cache
def _projector(letters: int) -> np.ndarray:
    """Orthogonal projector onto what is left of the words of so many letters modulo the Nyström ideal."""
    words = ["".join(word) for word in product("AB", repeat=letters)]
    place = {word: index for index, word in enumerate(words)}
    ideal = []
    for before in range(letters - 3):
        for head in product("AB", repeat=before):
            for tail in product("AB", repeat=letters - 4 - before):
                element = np.zeros(len(words))
                for word, factor in _NYSTROM.items():
                    element[place["".join(head) + word + "".join(tail)]] = factor
                ideal.append(element)
    if not ideal:
        return np.eye(len(words))
    basis, size, _ = np.linalg.svd(np.array(ideal).T, full_matrices=False)
    basis = basis[:, size > 1e-10]
    return np.eye(len(words)) - basis @ basis.T


def residuals(stages: Sequence[StageOfTwo], degree: int, *, nystrom: bool = False) -> dict[int, np.ndarray]:
    """Letters n -> what the step leaves of the order conditions with n letters, n = 1 ... degree.

    nystrom: modulo [B, [B, [B, A]]] = 0
    The residuals of n letters vanish for n = 1 ... p where the method has order p.
    """
    series = expansion(stages, degree)
    found = {}
    for letters in range(1, degree + 1):
        words = ["".join(word) for word in product("AB", repeat=letters)]
        factorial = 1
        for number in range(2, letters + 1):
            factorial *= number
        # exp(A + B) has 1/n! for each word of n letters.
        left = np.array([series.get(word, 0) * factorial - 1 for word in words])
        found[letters] = (_projector(letters) @ left if nystrom else left) / factorial
    return found


def algebraic_order(composition: Composition, degree: int = 11, tolerance: float = 1e-12) -> int:
    """The order of a composition for two pieces, from its order conditions, at most degree - 1.

    tolerance: largest residual that is rounding, times the largest coefficient to the power of the letters
    """
    stages = stages_of_two(composition)
    scale = max(1.0, max(abs(c) for _, c, _ in stages))
    for letters in range(1, degree + 1):
        left = residuals(stages, letters, nystrom=composition.nystrom)[letters]
        if np.abs(left).max() > tolerance * scale**letters:
            return letters - 1
    return degree - 1
