"""Poisson's equation on blocks: ∇·E = ρ/ε0 with E = -δφ, periodic or between grounded walls."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .geometry import ELECTRIC, FieldGeometry, checked_boundaries
from .separable import SeparableSolver
from .spectral import SpectralUpdate
from .walls import Walls

SYMBOLS = ("differences", "exact")


class Poisson:
    """φ and staggered E of a charge density on the nodes.

        Σ_a (2 φ(i) - φ(i+a) - φ(i-a))/dx_a² = ρ/ε0,     E_a(i+½) = -(φ(i+1) - φ(i))/dx_a

    so that the discrete ∇·E = ρ/ε0 holds to round-off.  Along periodic axes the mean of ρ is left out where
    all axes are periodic; walls are grounded (φ = 0).
    boundaries: {axis: (lower, upper)} of "periodic" and "conducting" (by default as the blocks are)
    symbol: "differences", or "exact": i k·E = ρ/ε0 with E = -i k φ, φ = ρ/(ε0 k²) (all axes periodic)

    One axis: a scan, O(cells), one exchange of two numbers per rank; periodic E has no mean.
    All axes periodic: Fourier transforms on pencils.  Walls: sine and Hartley transforms along one axis after
    the other, pencils between them.  Sources: Hockney & Eastwood (1988), §6-5; Bracewell (1983),
    J. Opt. Soc. Am. 73, 1832, for Hartley's.
    Raises ValueError for what does not fit, LayoutError where pencils do not fit the ranks.
    """

    def __init__(
        self,
        blocks: Any,
        spacing: float | Sequence[float],
        *,
        permittivity: float = 1.0,
        precision: str = "double",
        boundaries: Mapping[int, Any] | None = None,
        symbol: str = "differences",
    ):
        if symbol not in SYMBOLS:
            raise ValueError(f"symbol {symbol!r} is unknown; use one of {', '.join(SYMBOLS)}")
        self.geometry = FieldGeometry(blocks, spacing, precision)
        self.blocks, self.permittivity, self.symbol = blocks, float(permittivity), symbol
        self.boundaries = checked_boundaries(blocks, boundaries)
        if any("absorbing" in pair for pair in self.boundaries):
            raise ValueError("Poisson's equation has no absorbing boundary; use conducting or periodic")
        if symbol == "exact" and not all(blocks.periodic):
            raise ValueError('symbol "exact" needs all axes periodic; leave it out')
        self.walls = Walls(self.geometry)
        self._spectral, self._separable, self._inverse = None, None, None
        periodic = all(blocks.periodic)
        if symbol == "exact" or (self.geometry.axes > 1 and periodic):
            self._spectral = SpectralUpdate(self.geometry)
        elif self.geometry.axes > 1:
            self._separable = SeparableSolver(self.geometry)

    def solve(self, rho: Any, E: Any, phi: Any = None) -> None:
        """E (3, *local_shape) ← the field of rho (*local_shape, owned values), guards valid; phi likewise.

        rho: summed over particles and ranks (Maxwell.finish_charge).  Collective.
        """
        if self.geometry.axes == 1 and self.symbol == "differences":
            self._scan(rho, E, phi)
        elif self.symbol == "exact":
            self._exact(rho, E, phi)
        else:
            potential = self.geometry.zeros(0) if phi is None else phi
            if self._spectral is not None:
                self._differences(rho, potential)
            else:
                owned = rho[self.blocks.owned] * (1 / self.permittivity)
                potential[self.blocks.owned] = self._separable.solve(owned)
            self.blocks.fill(potential)
            self.walls.mirror_potential(potential)
            cells, box = self.geometry.owned
            self.geometry.module.launch(
                "minus_gradient", cells, box, potential, E, *self.geometry.per_cell(1.0)
            )
        self.blocks.fill(E)
        self.walls.mirror_electric(E)

    def _differences(self, rho: Any, phi: Any) -> None:
        spectral = self._spectral
        xp, transform = spectral.transform.xp, spectral.transform
        if self._inverse is None:
            square = sum(
                (2 / d * xp.sin(0.5 * k * d)) ** 2
                for k, d in zip(spectral.k, self.geometry.spacing, strict=False)
            )
            inverse = xp.where(square > 0, 1 / xp.where(square > 0, square, 1.0), 0.0) / self.permittivity
            self._inverse = inverse.astype(transform.real_type)
        owned = xp.ascontiguousarray(rho[self.blocks.owned])
        amplitudes = transform.forward(spectral.regrid.forward(owned))
        amplitudes *= self._inverse
        phi[self.blocks.owned] = spectral.regrid.backward(transform.backward(amplitudes, overwrite=True))

    def _exact(self, rho: Any, E: Any, phi: Any) -> None:
        spectral = self._spectral
        xp, nodes = spectral.transform.xp, (False,) * 3
        square = sum(k**2 for k in spectral.k)
        inverse = xp.where(square > 0, 1 / xp.where(square > 0, square, 1.0), 0.0) / self.permittivity
        potential = spectral.amplitudes(rho, nodes) * inverse.astype(spectral.transform.real_type)
        for axis in range(3):
            if axis < self.geometry.axes:
                spectral.put(-1j * spectral.k[axis] * potential, E[axis], ELECTRIC[axis])
            else:
                E[axis][...] = 0
        if phi is not None:
            spectral.put(potential, phi, nodes)
            self.blocks.fill(phi)

    def _scan(self, rho: Any, E: Any, phi: Any) -> None:
        """E(i+½) = E(i-½) + dx ρ_i/ε0, in double precision; the constant by Σ E dx = 0 (walls at φ = 0)."""
        blocks, dx, xp = self.blocks, self.geometry.spacing[0], self.blocks.backend.xp
        communicator, n = blocks.communicator, blocks.shape[0]
        charge = rho[blocks.owned].astype(np.float64) * (dx / self.permittivity)
        if blocks.boundary(0, 0):
            charge[0] = 0.0  # the wall's own node: E begins behind it
        if blocks.periodic[0]:
            charge -= communicator.allreduce(float(charge.sum())) / n
        field = xp.cumsum(charge)
        totals = communicator.allgather((float(field[-1]), float(field.sum()), blocks.count[0]))
        ends = np.concatenate(([0.0], np.cumsum([end for end, _, _ in totals])))
        mean = sum(s + b * m for (_, s, m), b in zip(totals, ends[:-1], strict=True)) / n
        field += float(ends[communicator.rank]) - mean
        E[...] = 0
        E[0][blocks.owned] = field
        if phi is not None:
            drop = field * dx
            before = communicator.allgather(float(drop.sum()))
            start = -math.fsum(before[: communicator.rank])
            phi[blocks.owned] = start - (xp.cumsum(drop) - drop)
            if blocks.periodic[0]:
                owned = phi[blocks.owned]
                owned -= communicator.allreduce(float(owned.sum())) / n
            blocks.fill(phi)
            self.walls.mirror_potential(phi)
