"""Stochastic forcing of a ring of modes: white in time, with a given mean injection of energy."""

from __future__ import annotations

from math import ceil, isfinite
from typing import Any

import numpy as np

from hpcphys.compiler.state import State
from hpcphys.physics.vorticity.grid import VorticityGrid

INJECTED = "forcing.injected"
"""The scalar of the state that holds the energy injected so far (1/2 mean |u|²)."""
INJECTED_ENSTROPHY = "forcing.injected_enstrophy"
"""Likewise of the enstrophy (1/2 mean ω²)."""


class BandForcing:
    """ω̂(k) <- ω̂(k) + k (2 ε dt/N)^(1/2) exp(iθ) for the N modes with | |k| - k_f | <= width.

    wavenumber: k_f, width: half width of the ring, both [1/length]
    energy_rate: ε, mean injection into E = 1/2 <|u|²> [length²/time³]
    seed: of the phases θ, uniform and independent: 0 <= seed < 2**63

    A phase is a function of (seed, step, k) by Philox: it depends on neither ranks, nor threads, nor
    restarts. f is real: modes k and -k take conjugate phases. The amplitude is fixed, so that the injection
    of a step is ε dt plus a cross term with mean zero. Exact for white noise: dt is the variance of the kick.
    Raises ValueError if the ring leaves the modes of the grid or holds none, or for a number out of range.
    Source: Alvelius (1999) Phys. Fluids 11, 1880, for noise that is uncorrelated with the velocity.
    """

    def __init__(
        self, grid: VorticityGrid, wavenumber: float, width: float, energy_rate: float, seed: int = 0
    ):
        for name, value in (("wavenumber", wavenumber), ("width", width), ("energy_rate", energy_rate)):
            if not (isfinite(value) and value >= 0):
                raise ValueError(f"{name} = {value!r} of the forcing; it must be finite and at least 0")
        if not 0 <= seed < 1 << 63:
            raise ValueError(f"seed = {seed}: must be at least 0 and below 2**63")
        self.grid, self.seed = grid, int(seed)
        self.wavenumber, self.width = float(wavenumber), float(width)
        self.energy_rate = float(energy_rate)
        largest = grid.cutoff * grid.unit
        if wavenumber + width > largest * (1 + 1e-12):
            raise ValueError(
                f"forcing of {wavenumber - width:g} <= |k| <= {wavenumber + width:g} leaves the resolved "
                f"modes |k_x|, |k_y| <= {largest:g}; lower the wavenumber, or take more points"
            )
        self.modes = self._count_all()
        if self.modes == 0:
            raise ValueError(
                f"no mode of the grid has {wavenumber - width:g} <= |k| <= {wavenumber + width:g}; widen the "
                f"ring: wavenumbers are multiples of {grid.unit:g}"
            )
        radius = np.sqrt(grid.k2)
        drawn = self._inside(radius) & (grid.k2 > 0) & ~((grid.kx[:, None] == 0) & (grid.ky < 0))
        self._column, self._place = np.nonzero(drawn)
        self._radius = radius[drawn]
        self._kx, self._ky = grid.kx[self._column], grid.ky[self._place]
        # of k_x = 0 only k_y > 0 is drawn; its mirror is in the same column
        self._twins = np.nonzero(self._kx == 0)[0]
        self._indices: dict[str, Any] = {}

    def kick(self, step: int, dt: float, application: int = 0) -> np.ndarray:
        """f̂ of this rank's drawn modes [1/time]: complex128, in the order of its modes."""
        from hpcphys.compiler.flows.noise import philox  # it needs SymPy's package: half a second

        key = (self.seed & 0xFFFFFFFF, self.seed >> 32)
        counter = (
            self._kx.astype(np.uint64),
            (self._ky & 0xFFFFFFFF).astype(np.uint64),
            np.uint64(step & 0xFFFFFFFF),
            np.uint64(step >> 32 << 16 | application),
        )
        low, high, _, _ = philox(counter, key)
        turns = ((low | high << np.uint64(32)) >> np.uint64(12)).astype(np.float64) * 2.0**-52
        amplitude = self._radius * np.sqrt(2.0 * self.energy_rate * abs(dt) / self.modes)
        return amplitude * np.exp(2j * np.pi * turns)

    def apply(self, state: State, dt: float, backend: Any, communicator: Any) -> float:
        """Kick the vorticity of the state; returns the energy that it gained [length²/time²]; collective.

        The gain of enstrophy, Σ Re(ω̂* f̂) + |f̂|²/2 over the whole plane, and that of energy, each term divided
        by k², add to state.scalars["forcing.injected_enstrophy"] and ["forcing.injected"].
        """
        vorticity = state["vorticity"]
        kick = self.kick(state.step, dt, state.blocks_drawn)
        state.blocks_drawn += 1
        where, twins = self._places(backend)
        before = backend.host(vorticity[where]).astype(np.complex128)
        rounded = kick.astype(self.grid.complex_type)
        kick = rounded.astype(np.complex128)
        vorticity[where] += backend.array(rounded)
        if len(self._twins):
            vorticity[twins] += backend.array(rounded[self._twins].conj())
        # each drawn mode stands for itself and its mirror
        gain = 2.0 * ((before.conj() * kick).real + 0.5 * np.abs(kick) ** 2)
        mine = np.array([(gain / self._radius**2).sum(), gain.sum()])
        energy, enstrophy = communicator.allreduce(mine, "sum").tolist()
        for name, amount in ((INJECTED, energy), (INJECTED_ENSTROPHY, enstrophy)):
            state.scalars[name] = state.scalars.get(name, 0.0) + amount
        return energy

    def describe(self) -> str:
        """One line for `explain`."""
        return (
            f"white noise on the {self.modes} modes with | |k| - {self.wavenumber:g} | <= {self.width:g}, "
            f"energy injected at ε = {self.energy_rate:g}"
        )

    def _inside(self, radius: np.ndarray) -> np.ndarray:
        return np.abs(radius - self.wavenumber) <= self.width * (1 + 1e-12)

    def _count_all(self) -> int:
        """Number of forced modes in the whole plane, on any rank: row by row, without the plane in memory."""
        grid = self.grid
        highest = min(grid.cutoff, ceil((self.wavenumber + self.width) / grid.unit) + 1)
        others = np.arange(highest + 1)
        along = np.where(others > 0, 2, 1)
        count = 0
        for k in range(highest + 1):
            radius = grid.unit * np.sqrt(float(k * k) + others.astype(np.float64) ** 2)
            inside = self._inside(radius) & (radius > 0)
            count += int((along * inside).sum()) * (2 if k > 0 else 1)
        return count

    def _places(self, backend: Any) -> tuple[Any, Any]:
        """Where the drawn modes, and the mirrors of those with k_x = 0, stand in the spectral array."""
        if backend.name not in self._indices:
            height = self.grid.shape[1]
            twin = (self._column[self._twins], (height - self._place[self._twins]) % height)
            drawn = (self._column, self._place)
            self._indices[backend.name] = tuple(
                tuple(backend.array(index) for index in pair) for pair in (drawn, twin)
            )
        return self._indices[backend.name]
