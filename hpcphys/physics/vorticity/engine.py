"""The right-hand side and the time step of the 2D vorticity equation, on any number of ranks.

    dω/dt + u·∇ω = -L ω,   û = i k_y ω̂/k²,  v̂ = -i k_x ω̂/k²,   L from `Damping`

Form: the complex w = u + iv needs one inverse transform, its square holds u²-v² and 2uv, and one forward
transform of it gives the whole right-hand side (Basdevant 1983, J. Comput. Phys. 50, 209, in complex form):

    -(u·∇ω)^ = -k_x k_y (u²-v²)^ + (k_x²-k_y²) (uv)^

That is four real transforms' work, where the advective form takes five; only the 2K+1 columns that are kept
exist between the two directions, and they travel between ranks as one message in each direction.
"""

from __future__ import annotations

from collections import OrderedDict
from math import inf, isfinite, sqrt
from typing import Any

import numpy as np

from hpcphys.compiler.state import State
from hpcphys.physics.vorticity.damping import Damping
from hpcphys.physics.vorticity.grid import VorticityGrid

COURANT_LIMIT = 2.0
"""Largest dt k_max u_max: RK4 is stable up to 2√2 = dt |k| |u| for the corner modes |k| = √2 k_max."""
DECAYS_KEPT = 4


class CourantError(ValueError):
    """A step is too long for the speed of the flow; the message says which would be allowed."""


class VorticityEngine:
    """Moves the state {"vorticity": complex (columns, 2K+1)} of a VorticityGrid.

    backend: a kernel runtime; "cpu" runs fused native loops with FFTW and the runtime's threads, a GPU (or
        its emulation) cuFFT (or NumPy) and element kernels
    communicator: of the ranks among which the grid is shared; its calls below are collective
    damping: linear terms, integrated exactly
    courant_limit: the largest dt k_max u_max that `advance` accepts, with k_max = 2π K/L
    measured: FFTW measures its plans (once per machine, kept on disk) instead of estimating them
    implementation: "fused" or "arrays"; None for the backend's own

    Results do not depend on ranks or threads, bit for bit on the CPU. ω̂(0, k_y) stays Hermitian exactly and
    ω̂(0, 0) zero. Raises ValueError if grid and communicator do not belong together.
    """

    def __init__(
        self,
        grid: VorticityGrid,
        backend: Any,
        communicator: Any,
        damping: Damping | None = None,
        *,
        courant_limit: float = COURANT_LIMIT,
        measured: bool = True,
        implementation: str | None = None,
    ):
        if (grid.rank, grid.size) != (communicator.rank, communicator.size):
            raise ValueError(
                f"the grid belongs to rank {grid.rank} of {grid.size}, the communicator to rank "
                f"{communicator.rank} of {communicator.size}; make the grid with the communicator's"
            )
        self.grid, self.backend, self.communicator = grid, backend, communicator
        self.damping = damping if damping is not None else Damping()
        self.courant_limit = courant_limit
        kind = implementation or ("fused" if backend.name == "cpu" else "arrays")
        self._passes = _passes(kind, grid, backend, communicator, measured)
        self._filter = None
        if grid.dealias == "hou_li":
            self._filter = backend.array(grid.axis_filter.astype(grid.real_type))
        self._decays: OrderedDict[float, Any] = OrderedDict()
        self._sum = backend.empty(grid.shape, grid.complex_type)
        self._begun: tuple[Any, float, int, float] | None = None
        self.speed: float | None = None

    # -- what a step is made of ---------------------------------------------------------------------------

    def tendency(self, vorticity: Any) -> Any:
        """-(u·∇ω)^ truncated to the grid's modes, times its filter; a new array (columns, 2K+1)."""
        self._check(vorticity)
        self._begin(vorticity)
        rate = self.backend.empty(self.grid.shape, self.grid.complex_type)
        self._passes.stage(4, 0.0, vorticity, rate, None, self._filter)
        return rate

    def advance(self, state: State, dt: float, stages: str = "rk4", measure_speed: bool = False) -> None:
        """ω̂ <- one step of the integrating-factor Runge-Kutta method of order 4, in place.

        With h = exp(-L dt/2):  z1 = h(z + dt/2 N(z)), z2 = h z + dt/2 N(z1), z3 = h² z + dt h N(z2),
        z <- h²(z + dt/6 N(z)) + dt/3 h (N(z1) + N(z2)) + dt/6 N(z3).   Exact where N = 0.
        measure_speed: leave max |u| before the step in `speed` (it is measured in any case)
        Raises CourantError if dt is too long, FloatingPointError if the vorticity holds NaN or infinity; the
        state is then as it was. Source: Canuto et al. (2006), appendix D.3, for the method.
        """
        if stages != "rk4":
            raise ValueError(f'stages = {stages!r}; allowed: "rk4"')
        vorticity = state["vorticity"]
        self._check(vorticity)
        speed = self._begin_step(state)
        self.forget()
        self._check_step(state, dt, speed)
        decay = self._decay(dt)
        for stage in range(4):
            if stage > 0:
                self._passes.square()
            self._passes.stage(stage, float(dt), vorticity, self._sum, decay, self._filter)
        if measure_speed:
            self.speed = speed

    def largest_speed(self, state: State, begin: bool = False) -> float:
        """max |u| over the points of all ranks [length/time]; inf where the state holds NaN.

        begin: keep the transforms, which are the first of the next `advance` of this very state (the same
            array, time and step); whoever changes the array before it calls `forget`
        """
        self._check(state["vorticity"])
        speed = self._begin_step(state)
        if not begin:
            self.forget()
        return speed

    def forget(self) -> None:
        """The vorticity has changed: nothing that was computed from it holds any more."""
        self._begun = None

    def longest_step(self, speed: float) -> float:
        """The dt at which dt k_max u_max is `courant_limit` [time]."""
        rate = self.grid.unit * self.grid.cutoff * speed
        return self.courant_limit / rate if rate > 0 else inf

    # -- fields on the points -----------------------------------------------------------------------------

    def physical(self, spectral: Any) -> Any:
        """(lines, n) values on this rank's lines y_j, x along the second axis, of any spectral array."""
        self._check(spectral)
        self.forget()
        self._passes.fill(1, spectral)
        return self._passes.lines()

    def spectral(self, values: Any) -> Any:
        """(columns, 2K+1) amplitudes of a real field on this rank's lines (lines, n): the inverse, truncated.

        The mean is dropped: vorticity on a periodic domain has none.
        """
        first, last = self.grid.rows
        if tuple(values.shape) != (last - first, self.grid.n):
            raise ValueError(
                f"field of shape {tuple(values.shape)}; this rank has {(last - first, self.grid.n)} points"
            )
        self.forget()
        self._passes.take_lines(self.backend.array(values, self.grid.real_type))
        found = self.backend.zeros(self.grid.shape, self.grid.complex_type)
        self._passes.stage(5, 0.0, found, found)
        if self.grid.columns[0] == 0 < len(found):
            found[0, 0] = 0.0
        return found

    # -- what it costs ------------------------------------------------------------------------------------

    @property
    def counters(self) -> dict[str, int]:
        """Bytes and messages that this rank sends for one right-hand side, and what stays on it [bytes]."""
        passes = self._passes
        return {"bytes": passes.bytes, "messages": passes.messages, "kept_bytes": passes.kept_bytes}

    @property
    def model_bytes(self) -> float:
        """The pruned, packed model of a right-hand side: two transposes of (2K+1) n/ranks complex numbers.

        With the 2/3 rule in double precision 21.3 n²/ranks. Summed over the ranks it is exactly what they
        send plus what they keep for themselves.
        """
        grid = self.grid
        return 2 * (2 * grid.cutoff + 1) * grid.n * grid.complex_type.itemsize / grid.size

    def describe(self) -> str:
        """One line for `explain`."""
        grid = self.grid
        rule = "2/3 rule" if grid.dealias == "two_thirds" else "Hou-Li filter"
        return (
            f"{grid.n} x {grid.n} points, L = {grid.length:g}, {rule} (K = {grid.cutoff}), "
            f"{grid.precision} precision; 1 inverse + 1 forward complex transform per right-hand side"
        )

    # -- inside -------------------------------------------------------------------------------------------

    def _check(self, array: Any) -> None:
        if tuple(array.shape) != self.grid.shape or array.dtype != self.grid.complex_type:
            raise ValueError(
                f"spectral array of shape {tuple(array.shape)} and type {array.dtype}; this rank's is "
                f"{self.grid.shape}, {self.grid.complex_type}"
            )

    def _begin(self, vorticity: Any) -> float:
        """The transforms of a right-hand side up to its columns; the largest |u| of all ranks."""
        self.forget()
        self._passes.fill(0, vorticity)
        square = self._passes.square()
        own = sqrt(square) / self.grid.unit if isfinite(square) else inf
        return float(self.communicator.allreduce(own, "max"))

    def _begin_step(self, state: State) -> float:
        begun, vorticity = self._begun, state["vorticity"]
        if begun is None or begun[0] is not vorticity or begun[1:3] != (state.time, state.step):
            begun = (vorticity, state.time, state.step, self._begin(vorticity))
            self._begun = begun
        return begun[3]

    def _check_step(self, state: State, dt: float, speed: float) -> None:
        if not isfinite(speed):
            raise FloatingPointError(
                f"the vorticity holds NaN or infinity before step {state.step + 1}; the step before was too "
                "long, or the initial state is wrong"
            )
        if (longest := self.longest_step(speed)) < abs(dt):
            raise CourantError(
                f"step {state.step + 1} at time {state.time:g}: dt = {dt:.4g} is too long for the largest "
                f"speed {speed:.4g}; allowed: at most {longest:.4g} ({self.courant_limit:g}/(k_max u_max)). "
                "Take a shorter step, or let the Courant number choose it"
            )

    def _decay(self, dt: float) -> Any:
        """exp(-L dt/2) as the passes read it; kept for the last few dt."""
        if self.damping.absent:
            return None
        if dt not in self._decays:
            factors = self.damping.factors(self.grid, 0.5 * dt)
            self._decays[dt] = self.backend.array(self._passes.decay_factors(factors))
            while len(self._decays) > DECAYS_KEPT:
                self._decays.popitem(last=False)
        return self._decays[dt]


def _passes(kind: str, grid: VorticityGrid, backend: Any, communicator: Any, measured: bool) -> Any:
    if kind == "fused":
        from hpcphys.physics.vorticity.passes import FusedPasses

        return FusedPasses(grid, backend, communicator, measured)
    if kind == "arrays":
        from hpcphys.physics.vorticity.arrays import ArrayPasses

        return ArrayPasses(grid, backend, communicator)
    raise ValueError(f'implementation = {kind!r}; allowed: "fused", "arrays"')


def hermitian(vorticity: np.ndarray, grid: VorticityGrid) -> np.ndarray:
    """The same amplitudes with ω̂(0, -k_y) = ω̂(0, k_y)* and ω̂(0, 0) = 0, as a state must have them."""
    found = np.array(vorticity, dtype=grid.complex_type)
    if grid.columns[0] == 0 and len(found):
        positive = found[0, 1 : grid.cutoff + 1].copy()
        found[0, grid.cutoff + 1 :] = positive[::-1].conj()
        found[0, 0] = 0.0
    return found
