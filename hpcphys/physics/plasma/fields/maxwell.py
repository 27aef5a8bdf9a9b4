"""Maxwell's equations on blocks of a grid: E, B and J, their updates, what they tell.

∂B/∂t = -∇×E,    ∂E/∂t = c² ∇×B - J/ε0        (Yee 1966: E at t = n dt, B half a step off)
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from . import stencils
from .filters import binomial_filter
from .geometry import FieldGeometry, checked_boundaries
from .layers import AbsorbingLayers
from .poisson import Poisson
from .spectral import SpectralUpdate
from .walls import Walls

SOLVERS = ("yee", "cole_karkkainen_cowan", "psatd")


class Maxwell:
    """E, B, J (3, *local_shape) and rho (*local_shape) of this rank's block, and the two halves of a step.

    blocks: hpcphys.decomposition.grids.GridBlocks, which know guards and backend
    spacing: dx of each axis [length]
    solver: "yee"; "cole_karkkainen_cowan": Faraday's law with averaged differences, stable up to c dt = the
        smallest dx; "psatd": exact in vacuum for any dt, on pencils, all axes periodic
    light_speed, permittivity: c and ε0
    precision: "single" or "double", of all arrays
    boundaries: {axis: (lower, upper)} of "periodic", "conducting", "absorbing"; of axes that are not named
        periodic or conducting, as the blocks are
    layers: cells of an absorbing layer; they are the outermost cells of the grid, backed by a conductor
    filter_passes, compensated: of a binomial filter of J (and rho) in `finish_currents`

    Guards of E and B are valid after every method here.  Nothing depends on how the grid is cut, bit for
    bit.  With "yee" and "cole_karkkainen_cowan" Gauss's law changes only as the continuity of J does, to
    round-off; ∇·B stays as it is to round-off ("yee").  Raises ValueError for what does not fit together.
    """

    def __init__(
        self,
        blocks: Any,
        spacing: float | Sequence[float],
        *,
        solver: str = "yee",
        light_speed: float = 1.0,
        permittivity: float = 1.0,
        precision: str = "double",
        boundaries: Mapping[int, Any] | None = None,
        layers: int = 10,
        filter_passes: int = 0,
        compensated: bool = False,
        backend: Any = None,
    ):
        if solver not in SOLVERS:
            raise ValueError(f"solver {solver!r} is unknown; use one of {', '.join(SOLVERS)}")
        if not (light_speed > 0 and permittivity > 0):
            raise ValueError(f"light speed {light_speed}, permittivity {permittivity}: both must be positive")
        if backend is not None and backend is not blocks.backend:
            raise ValueError("the backend of the fields is not the blocks'; make the blocks with it")
        self.geometry = geometry = FieldGeometry(blocks, spacing, precision)
        self.blocks, self.backend, self.solver = blocks, blocks.backend, solver
        self.light_speed, self.permittivity = float(light_speed), float(permittivity)
        self.boundaries = checked_boundaries(blocks, boundaries)
        self.filter_passes, self.compensated = filter_passes, compensated
        self.E, self.B, self.J = (geometry.zeros() for _ in range(3))
        self.rho = geometry.zeros(0)
        weights = stencils.cole_karkkainen_cowan if solver == "cole_karkkainen_cowan" else stencils.yee
        self.weights = weights(geometry.spacing)
        self.walls = Walls(geometry)
        self._averaged: dict[float, Any] = {}
        self._layers = None
        if any("absorbing" in pair for pair in self.boundaries):
            self._layers = AbsorbingLayers(geometry, self.boundaries, layers, self.light_speed)
        self._spectral = None
        if solver == "psatd":
            self._spectral = SpectralUpdate(geometry, self.light_speed, self.permittivity)

    # -- the two halves of a step ----------------------------------------------------------------------------

    def faraday(self, dt: float, *, guards: int | None = None) -> None:
        """B ← B - dt ∇×E, exactly for constant E.  guards: layers that are filled afterwards (None: all).

        With "psatd" nothing: `ampere` advances both fields.
        """
        if self._spectral is not None:
            return
        geometry = self.geometry
        cells, box = geometry.owned
        if self.solver == "yee":
            geometry.module.launch("faraday", cells, box, self.E, self.B, *geometry.per_cell(dt))
        else:
            weights = self._averaged.get(dt)
            if weights is None:
                scaled = self.weights * np.array(geometry.per_cell(dt))[:, None]
                weights = self._averaged[dt] = self.backend.array(scaled.reshape(-1))
            geometry.module.launch("faraday_averaged", cells, box, self.E, self.B, weights)
        if self._layers is not None:
            self._layers.absorb_magnetic(self.E, self.B, dt)
        self.fill_B(guards)

    def ampere(self, dt: float, *, current: bool = True, guards: int | None = None) -> None:
        """E ← E + dt (c² ∇×B - J/ε0), exactly for constant B and J.

        current: whether J counts (`finish_currents` has summed it); guards: as in `faraday`.
        With "psatd" both fields go from t to t + dt, exactly for a J that is constant in between.
        """
        J = self.J if current else None
        if self._spectral is not None:
            self._spectral.advance(self.E, self.B, J, dt)
            self.fill_B(guards)
        else:
            geometry, c2 = self.geometry, self.light_speed**2
            cells, box = geometry.owned
            rates = (*geometry.per_cell(c2 * dt), dt / self.permittivity)
            geometry.module.launch("ampere", cells, box, self.B, J, self.E, *rates)
            if self._layers is not None:
                self._layers.absorb_electric(self.B, self.E, dt)
        self.fill_E(guards)

    def fill_E(self, guards: int | None = None) -> None:
        """Guards of E ← their owners' values, images behind walls.  Needed after E was set from outside."""
        self.blocks.fill(self.E, width=guards)
        self.walls.mirror_electric(self.E)

    def fill_B(self, guards: int | None = None) -> None:
        """Guards of B ← their owners' values, images behind walls.  Needed after B was set from outside."""
        self.blocks.fill(self.B, width=guards)
        self.walls.mirror_magnetic(self.B)

    def finish_currents(self, charge: bool = False) -> None:
        """J (and, with `charge`, rho) of this rank's particles → the current of all, to be called once.

        What lies in guards goes to its owners, what lies behind walls comes back from images; then the
        filter.
        """
        self.blocks.sum(self.J)
        self.walls.fold_current(self.J)
        if self.filter_passes:
            self.blocks.fill(self.J)
            binomial_filter(self.geometry, self.walls, self.J, self.filter_passes, self.compensated)
        if charge:
            self.finish_charge(self.rho)

    def finish_charge(self, rho: Any) -> None:
        """A deposited charge density → that of all particles, as `finish_currents` does."""
        self.blocks.sum(rho)
        self.walls.fold_charge(rho)
        if self.filter_passes:
            self.blocks.fill(rho)
            binomial_filter(self.geometry, self.walls, rho, self.filter_passes, self.compensated)

    def initial_E(self, rho: Any) -> None:
        """E ← the electrostatic field of rho (*local_shape, after `finish_charge`): Gauss's law holds.

        Absorbing faces count as grounded walls, which back them.  Collective.
        """
        pairs = {a: "conducting" for a, pair in enumerate(self.boundaries) if "periodic" not in pair}
        Poisson(
            self.blocks,
            self.geometry.spacing[: self.geometry.axes],
            permittivity=self.permittivity,
            precision=self.geometry.precision,
            boundaries=pairs,
            symbol="differences" if self._spectral is None else "exact",
        ).solve(rho, self.E)

    # -- what the fields tell --------------------------------------------------------------------------------

    def energy(self) -> dict[str, np.ndarray]:
        """{"electric": (3,), "magnetic": (3,)}: ε0/2 Σ E_a² dV and ε0 c²/2 Σ B_a² dV over all ranks.

        In double precision, per unit length of the axes that the grid does not have.  Collective.
        """
        geometry = self.geometry
        rows = geometry.rows
        sums = self.backend.empty(rows)
        found = []
        for field in (self.E, self.B):
            for component in field:
                geometry.module.launch("row_squares", rows, geometry.owned[1], component, sums)
                found.append(float(self.backend.host(sums).sum()))
        total = self.blocks.communicator.allreduce(np.array(found))
        half = 0.5 * self.permittivity * geometry.volume
        return {"electric": half * total[:3], "magnetic": half * self.light_speed**2 * total[3:]}

    def gauss_residual(self, rho: Any) -> float:
        """max |ε0 ∇·E - ρ| over max |ρ| (over max |ε0 E|/dx where there is no charge), walls left out.

        rho: (*local_shape) after `finish_charge`.  With "psatd" ∇ is i k, and the parts of ρ that the solver
        drops (the mean, the highest wavenumbers) are left out.  Collective.
        """
        if self._spectral is not None:
            most, scale = self._spectral.gauss_residual(self.E, rho)
        else:
            most, scale = self._divergence(self.E, rho, None, 1 / self.permittivity, 0)
        return most / scale if scale > 0 else most / (self._largest(self.E) or 1.0)

    def magnetic_divergence(self) -> float:
        """max |∇·B| in cells over max |B|/dx (0 where there is no B).  Collective."""
        most, _ = self._divergence(self.B, None, None, 0.0, 1)
        scale = self._largest(self.B)
        return most / scale if scale > 0 else 0.0

    def continuity_residual(self, rho_before: Any, rho_after: Any, J: Any, dt: float) -> float:
        """max |(ρ(t + dt) - ρ(t))/dt + ∇·J| dt over max |ρ|, walls left out.

        All after `finish_charge` and `finish_currents`; guards of J are filled here.  Collective.
        """
        self.blocks.fill(J, width=1)
        # |∇·J - ρ/dt + ρ'/dt| with the earlier and the later density changing places.
        most, scale = self._divergence(J, rho_before, rho_after, 1 / dt, 0)
        return most / scale if scale > 0 else most * dt

    def _divergence(self, v: Any, q: Any, p: Any, weight: float, shift: int) -> tuple[float, float]:
        geometry = self.geometry
        count = list(self.blocks.count)
        if shift == 0:
            cells, box = geometry.inner_nodes()
            count = [n - self.blocks.boundary(axis, 0) for axis, n in enumerate(count)]
        else:
            cells, box = geometry.owned
        rows = math.prod(count[:-1])
        most = self.backend.zeros((max(rows, 1), 2))
        if cells:
            arguments = (*geometry.per_cell(1.0), q, p, weight, shift, most)
            geometry.module.launch("row_divergence", rows, box, v, *arguments)
        found = self.blocks.communicator.allreduce(self.backend.host(most).max(axis=0), "max")
        return float(found[0]), float(found[1])

    def _largest(self, field: Any) -> float:
        """max |field| over the smallest spacing, over all ranks."""
        owned = field[(slice(None), *self.blocks.owned)]
        own = float(self.backend.xp.abs(owned).max())
        return self.blocks.communicator.allreduce(own, "max") / min(self.geometry.spacing)

    # -- what a run must know --------------------------------------------------------------------------------

    def stable_step(self) -> float:
        """The longest dt that the solver allows [time]; infinity for "psatd"."""
        if self._spectral is not None:
            return math.inf
        return stencils.stable_step(self.weights, self.geometry.spacing, self.light_speed)

    def frequency(self, k: Sequence[float], dt: float) -> float:
        """ω of a plane wave in vacuum with wavenumbers k along the grid's axes, as this solver moves it."""
        full = [*k, *(0.0,) * (3 - len(k))]
        if self._spectral is not None:
            return self.light_speed * math.sqrt(sum(value**2 for value in full))
        spacing = self.geometry.spacing
        return float(stencils.frequency(self.weights, spacing, full, dt, self.light_speed))

    @property
    def bytes(self) -> int:
        """Memory of all arrays of this rank."""
        arrays = [self.E, self.B, self.J, self.rho]
        layers = 0 if self._layers is None else self._layers.bytes
        return sum(array.nbytes for array in arrays) + layers

    def saved(self) -> dict[str, Any]:
        """What else than E and B a checkpoint must hold: the memories of absorbing layers, by name."""
        return {} if self._layers is None else self._layers.saved()

    def restore(self, arrays: Mapping[str, Any]) -> None:
        """Put back what `saved` gave, on the same ranks.  Raises ValueError where it does not fit."""
        if self._layers is not None:
            self._layers.restore(arrays)

    def describe(self) -> str:
        """One line for `explain`."""
        words = {
            "yee": "Yee's leapfrog",
            "cole_karkkainen_cowan": "leapfrog with Cole's, Kärkkäinen's and Cowan's averaged curl",
            "psatd": "pseudo-spectral, analytical in time",
        }[self.solver]
        ends = ", ".join(
            f"{'xyz'[a]} {pair[0] if pair[0] == pair[1] else ' to '.join(pair)}"
            for a, pair in enumerate(self.boundaries)
        )
        return f"{words}, {self.geometry.precision} precision; {ends}"
