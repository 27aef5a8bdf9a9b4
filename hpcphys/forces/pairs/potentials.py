"""The built-in pair potentials; kernels/pair_potentials.h has their kernels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hpcphys.forces.pairs.potential import (
    PairPotential,
    lennard_jones_rows,
    lennard_jones_tail,
    mixed,
    per_pair,
    type_count,
)


class LennardJones(PairPotential):
    """E = 4 ε [(σ/r)¹² - (σ/r)⁶] (Lennard-Jones 1924).

    epsilon, sigma: a number, one per type (mixed), or a matrix (mixing="explicit")
    tail: whether `totals` holds the long-range corrections; only the truncated form has them
    """

    struct = "LennardJones"

    def __init__(
        self,
        epsilon: float | Sequence = 1.0,
        sigma: float | Sequence = 1.0,
        *,
        shift: str = "none",
        switch_from: float | None = None,
        mixing: str = "lorentz_berthelot",
        tail: bool = True,
    ):
        """Raises ValueError for a bad value or an unknown rule."""
        self.epsilon, self.sigma = mixed(epsilon, sigma, mixing)
        self.mixing, self.with_tail = mixing, tail
        super().__init__(len(self.epsilon), shift, switch_from)

    def curve(self, r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See PairPotential."""
        e, x = _over(self.epsilon, r), (_over(self.sigma, r) / r) ** 6
        return 4 * e * (x * x - x), 24 * e * (2 * x * x - x) / r

    def rows(self) -> list[np.ndarray]:
        """See PairPotential."""
        return lennard_jones_rows(self.epsilon, self.sigma)

    def tail(self, cutoff: float) -> tuple[np.ndarray, np.ndarray]:
        """See PairPotential."""
        if self.shift == "none" and self.with_tail:
            return lennard_jones_tail(self.epsilon, self.sigma, cutoff)
        return super().tail(cutoff)


class WCA(PairPotential):
    """Lennard-Jones + ε up to its minimum 2^(1/6) σ, 0 beyond (Weeks, Chandler & Andersen 1971)."""

    struct = "WCA"

    def __init__(
        self,
        epsilon: float | Sequence = 1.0,
        sigma: float | Sequence = 1.0,
        *,
        mixing: str = "lorentz_berthelot",
    ):
        """epsilon, sigma, mixing: as for LennardJones.  The cutoff must be at least the largest minimum."""
        self.epsilon, self.sigma = mixed(epsilon, sigma, mixing)
        super().__init__(len(self.epsilon))

    def curve(self, r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See PairPotential."""
        e, x = _over(self.epsilon, r), (_over(self.sigma, r) / r) ** 6
        inside = x > 0.5
        return np.where(inside, 4 * e * (x * x - x) + e, 0.0), np.where(
            inside, 24 * e * (2 * x * x - x) / r, 0.0
        )

    def rows(self) -> list[np.ndarray]:
        """See PairPotential."""
        return [*lennard_jones_rows(self.epsilon, self.sigma), self.epsilon, 2 ** (1 / 3) * self.sigma**2]

    def table(self, cutoff: float) -> np.ndarray:
        """See PairPotential."""
        largest = 2 ** (1 / 6) * float(self.sigma.max())
        if cutoff < largest * (1 - 1e-12):
            raise ValueError(
                f"cutoff {cutoff:g}: WCA with the largest sigma {self.sigma.max():g} reaches to {largest:.6g}"
            )
        return super().table(cutoff)


class Morse(PairPotential):
    """E = D [exp(-2 a (r - r₀)) - 2 exp(-a (r - r₀))] (Morse 1929).

    Each parameter is a number, or a matrix per pair of types.
    """

    struct = "Morse"

    def __init__(
        self, depth: Any = 1.0, a: Any = 1.0, r0: Any = 1.0, *, shift="none", switch_from: float | None = None
    ):
        """depth: D; a [1/length]; r0 [length]."""
        super().__init__(type_count(depth, a, r0), shift, switch_from)
        self.depth, self.a, self.r0 = (
            per_pair(name, value, self.types) for name, value in (("depth", depth), ("a", a), ("r0", r0))
        )

    def curve(self, r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See PairPotential."""
        d, a = _over(self.depth, r), _over(self.a, r)
        x = np.exp(-a * (r - _over(self.r0, r)))
        return d * (x * x - 2 * x), 2 * a * d * (x * x - x)

    def rows(self) -> list[np.ndarray]:
        """See PairPotential."""
        return [self.depth, self.a, self.a * self.r0, 2 * self.a * self.depth]


class Buckingham(PairPotential):
    """E = A exp(-B r) - C/r⁶ (Buckingham 1938).  Numbers, or matrices per pair of types."""

    struct = "Buckingham"

    def __init__(self, A: Any, B: Any, C: Any, *, shift: str = "none", switch_from: float | None = None):
        """A [energy], B [1/length], C [energy length⁶]."""
        super().__init__(type_count(A, B, C), shift, switch_from)
        self.A, self.B, self.C = (
            per_pair(name, value, self.types) for name, value in (("A", A), ("B", B), ("C", C))
        )

    def curve(self, r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See PairPotential."""
        x, b, c = np.exp(-_over(self.B, r) * r), _over(self.B, r), _over(self.C, r)
        return _over(self.A, r) * x - c / r**6, _over(self.A, r) * b * x - 6 * c / r**7

    def rows(self) -> list[np.ndarray]:
        """See PairPotential."""
        return [self.A, self.B, self.C, self.A * self.B, 6 * self.C]


class SoftCore(PairPotential):
    """E = 4 ε λ [1/q² - 1/q], q = α (1 - λ)² + (r/σ)⁶: finite at r = 0 for λ < 1.

    Source: Beutler et al. (1994) Chem. Phys. Lett. 222, 529, eq. 8 with n = 1.
    """

    struct = "SoftCore"

    def __init__(
        self,
        coupling: float,
        epsilon: float | Sequence = 1.0,
        sigma: float | Sequence = 1.0,
        *,
        alpha: float = 0.5,
        shift: str = "none",
        switch_from: float | None = None,
        mixing: str = "lorentz_berthelot",
    ):
        """coupling: λ between 0 and 1; the rest as for LennardJones."""
        if not 0 <= coupling <= 1 or not alpha >= 0:
            raise ValueError(
                f"coupling {coupling}, alpha {alpha}: needed are 0 <= coupling <= 1 and alpha >= 0"
            )
        self.epsilon, self.sigma = mixed(epsilon, sigma, mixing)
        self.coupling, self.alpha = coupling, alpha
        super().__init__(len(self.epsilon), shift, switch_from)

    def curve(self, r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See PairPotential."""
        e, s = 4 * self.coupling * _over(self.epsilon, r), _over(self.sigma, r)
        q = self.alpha * (1 - self.coupling) ** 2 + (r / s) ** 6
        return e * (1 / q**2 - 1 / q), e * (2 / q**3 - 1 / q**2) * 6 * r**5 / s**6

    def rows(self) -> list[np.ndarray]:
        """See PairPotential."""
        soft = np.full_like(self.epsilon, self.alpha * (1 - self.coupling) ** 2)
        return [4 * self.coupling * self.epsilon, soft, self.sigma**-6.0]


def _over(values: np.ndarray, r: np.ndarray) -> np.ndarray:
    """(types, types) beside r."""
    return values.reshape(*values.shape, *([1] * np.ndim(r)))
