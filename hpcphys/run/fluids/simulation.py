"""A run of a pseudospectral flow, as the driver sees it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from hpcphys.compiler import State
from hpcphys.compiler.program import OperationError
from hpcphys.physics.vorticity.budget import QUANTITIES, Budget
from hpcphys.physics.vorticity.diagnostics import QuadraticSums, moments
from hpcphys.physics.vorticity.spectra import Shells, fluxes
from hpcphys.run.checkpoint import Checkpoint
from hpcphys.run.errors import RunError
from hpcphys.run.fluids import assembly
from hpcphys.run.fluids.job import FluidJob
from hpcphys.run.fluids.rules import largest_prime_factor
from hpcphys.run.kind import Simulation

SLOW_FACTOR = 13
"""FFTW and cuFFT have fast code for prime factors up to this one."""


class FluidSimulation(Simulation):
    """The vorticity of a flow, its engine, its forcing, and the program that moves it.

    checkpoint: that is being resumed, or None
    Raises JobError for a grid that is too small for the ranks, or a fixed step that is too long for the start.
    """

    snapshot_pattern: ClassVar[str] = "snapshot_{index:03d}.h5"

    def __init__(
        self, job: FluidJob, backend: Any, communicator: Any, timers: Any, log: Any, checkpoint: Checkpoint | None
    ) -> None:
        self.job, self.backend, self.communicator = job, backend, communicator
        self.timers, self.log = timers, log
        self.grid = assembly.vorticity_grid(job, communicator)
        self.engine = assembly.engine_for(job, self.grid, backend, communicator)
        self.forcing = assembly.forcing_for(job, self.grid)
        state = self._state(checkpoint)
        memory = checkpoint.memory if checkpoint is not None else {}
        self.program = assembly.compiled_program(job, state, self.engine, self.forcing, timers)
        damping = assembly.damping_of(job, self.grid.cutoff)
        self.sums = QuadraticSums(self.grid, damping, communicator)
        self.shells = Shells(self.grid, communicator)
        self.budget = Budget(memory.get("budget"))
        self._largest = memory.get("largest", {})
        self._now: dict[str, float] = {}
        self._warned = False
        if checkpoint is None:
            assembly.check_courant(job, self.engine.largest_speed(state), self.grid.n)

    @property
    def state(self) -> State:
        """The state that the program moves."""
        return self.program.state

    @property
    def memory(self) -> dict[str, Any]:
        """The integrals of the budget, and the largest errors."""
        return {"budget": self.budget.memory, "largest": self._largest}

    def headline(self) -> str:
        """Grid, model, integrator, start."""
        job, grid = self.job, self.grid
        damped = any((job.fluid.viscosity, job.fluid.viscosity_rate, job.fluid.drag))
        name = "Navier-Stokes" if damped else "Euler"
        forced = f", forced at k = {job.forcing.wavenumber:g}" if job.forcing else ""
        return (
            f"2D {name}, {grid.n} x {grid.n} points (K = {grid.cutoff}), {job.fluid.precision}, "
            f"{job.time.integrator}, {job.initial.model}{forced}"
        )

    def start(self, resumed: bool) -> None:
        """See that the first state is one; the budget begins."""
        if (factor := largest_prime_factor(self.grid.n)) > SLOW_FACTOR:
            self.log.warning(f"{self.grid.n} points have the prime factor {factor}: this works, but slowly")
        if resumed:
            return
        if self.communicator.agree(not self.is_finite()):
            self.raise_not_finite()
        self._now = self.sums(self._on_host())
        self.budget.start(self._now)

    def advance(self, steps: int, diagnosed: bool) -> None:
        """The steps, and what each adds to the budget."""
        for _ in range(steps):
            try:
                dt = self.program.step()
            except OperationError as error:
                if isinstance(error.__cause__, FloatingPointError):
                    self.raise_not_finite()
                raise
            self._now = {}
            if self.forcing is not None:
                self.budget.inject(self.forcing.last_energy, self.forcing.last_enstrophy)
            self.budget.wait(dt)
            if self.state.step % self.job.diagnostics.budget_every == 0 and self._is_damped():
                self._integrate()

    def is_finite(self) -> bool:
        """Whether this rank's modes are numbers: one that is not shows in their sum."""
        xp = self.backend.xp
        return bool(xp.isfinite(xp.sum(self.state["vorticity"])))

    def raise_not_finite(self) -> None:
        """Raise RunError on all ranks that names the first bad mode, and its rank."""
        modes = self._on_host()
        bad = np.argwhere(~np.isfinite(modes))
        mine = None
        if len(bad):
            row, column = bad[0]
            mine = (int(self.grid.kx[row]), int(self.grid.ky[column]), str(modes[row, column]))
        everyone = self.communicator.allgather(mine)
        state = self.state
        for rank, found in enumerate(everyone):
            if found is not None:
                raise RunError(
                    f"the vorticity of mode k = ({found[0]}, {found[1]}) on rank {rank} is {found[2]} after step "
                    f"{state.step} at time {state.time:g}; it was written by advect.  No checkpoint of this state is "
                    "written.  Use a shorter step (or adaptive = true), or more viscosity"
                )
        raise RunError(f"the vorticity overflows after step {state.step} at time {state.time:g}")

    def row(self) -> dict[str, Any]:
        """Quadratic quantities, their dissipation and budgets, extremes, moments."""
        self._integrate()
        modes = self.state["vorticity"]
        rows = self.backend.host(self.engine.physical(modes))
        powers, vorticity = moments(rows, self.job.diagnostics.moments, self.grid.n**2, self.communicator)
        speed = self.engine.largest_speed(self.state)
        row: dict[str, Any] = {**self._now, "largest_vorticity": vorticity, "largest_speed": speed}
        row |= {f"moment_{order}": value for order, value in enumerate(powers.tolist(), 2)}
        row |= self.budget.row(self._now)
        for name in QUANTITIES:
            error = abs(row[f"{name}_error"])
            self._largest[name] = max(self._largest.get(name, 0.0), error)
        return row

    def further_series(self) -> dict[str, dict[str, Any]]:
        """Spectra and fluxes, with the wavenumbers of their shells."""
        if not self.job.diagnostics.spectra_every:
            return {}
        return {"spectra": {"wavenumber": self.shells.wavenumber, "resolved": self.shells.resolved}}

    def further_rows(self) -> dict[str, dict[str, Any]]:
        """E(k), Π_E(k) and Π_Z(k), where they are due."""
        every = self.job.diagnostics.spectra_every
        if not every or self.state.step % every:
            return {}
        with self.timers.measure("spectra"):
            modes = self._on_host()
            tendency = self.backend.host(self.engine.tendency(self.state["vorticity"]))
            energy, enstrophy = self.shells.transfers(modes, tendency)
            row = {
                "spectrum": self.shells.spectrum(modes),
                "energy_flux": fluxes(energy),
                "enstrophy_flux": fluxes(enstrophy),
            }
        return {"spectra": row}

    def check(self, row: dict[str, Any]) -> None:
        """Raise RunError beyond [limits]; warn once of a fixed step that has become too long."""
        state, limits = self.state, self.job.limits
        for name in QUANTITIES:
            limit, error = getattr(limits, f"{name}_error"), row[f"{name}_error"]
            if np.isnan(error) or (limit is not None and abs(error) > limit):
                raise RunError(
                    f"the error {error:.3e} of the budget of {name} after step {state.step} at time {state.time:g} is "
                    f"beyond [limits] {name}_error = {limit}; use a shorter step.  No checkpoint of this state is "
                    "written"
                )
        courant = row["largest_speed"] * (self.job.time.step or 0.0) * self.grid.n / self.grid.length
        most = assembly.STABLE_COURANT[self.job.fluid.dealias]
        if courant > most and not self._warned:
            self._warned = True
            self.log.warning(
                f"step {state.step}: the flow has become too fast for step = {self.job.time.step:g}: Courant number "
                f"{courant:.2f}, at most {most:g} is stable"
            )

    def note(self, row: dict[str, Any]) -> str:
        """Energy and the error of its budget."""
        return f"E {row['energy']:.4g}, dE {row['energy_error']:+.1e}" if row else ""

    def write_snapshot(self, path: Path, job_text: str) -> None:
        """The vorticity on the grid."""
        from hpcphys.io.rows import write_rows

        rows = self.backend.host(self.engine.physical(self.state["vorticity"]))
        x, y = assembly.axes(self.grid)
        x = x if self.communicator.rank == 0 else x[:0]
        attributes = {"/": {"time": self.state.time, "step": self.state.step, "job": job_text}}
        dimensions = {"vorticity": ("y", "x"), "x": ("x",), "y": ("y",)}
        write_rows(path, self.communicator, {"x": x, "y": y, "vorticity": rows}, attributes, dimensions)

    def finish(self) -> None:
        """Nothing: a flow is always ready to be looked at."""

    def metrics(self, row: dict[str, Any], steps: int, seconds: float) -> dict[str, Any]:
        """Errors of the budgets, energies, rate."""
        found = {f"{name}_error": row.get(f"{name}_error") for name in QUANTITIES}
        found |= {f"{name}_error_max": self._largest.get(name) for name in QUANTITIES}
        found |= {name: row.get(name) for name in ("energy", "enstrophy", "palinstrophy")}
        found |= {name: value for name, value in self.budget.row(self._last(row)).items() if name not in found}
        rate = steps / seconds if seconds > 0.0 else None
        return {**found, "points": self.grid.n, "steps_per_second": rate}

    def closing_lines(self, metrics: dict[str, Any]) -> list[str]:
        """Budgets, and what the cascade's window shows."""
        lines = [
            f"{name}: {metrics[name]:.8g}, budget error {metrics[f'{name}_error']:+.2e}, largest "
            f"{metrics[f'{name}_error_max']:.2e}"
            for name in QUANTITIES
        ]
        if "spectral_slope" in metrics:
            low, high = metrics["fit_window"]
            lines.append(
                f"slope of E(k) for {low:g} <= k <= {high:g}: {metrics['spectral_slope']:.3f} ± "
                f"{metrics['spectral_slope_error']:.3f}; energy flux {metrics['energy_flux']:.3g} ± "
                f"{100 * metrics['energy_flux_variation']:.0f} %"
            )
        return lines

    def _state(self, checkpoint: Checkpoint | None) -> State:
        if checkpoint is None:
            modes = assembly.initial_vorticity(self.job, self.engine, self.communicator)
            return State({"vorticity": self.backend.array(modes)})
        arrays = {name: self.backend.array(array) for name, array in checkpoint.arrays.items()}
        return State(arrays, checkpoint.time, checkpoint.step, checkpoint.scalars)

    def _integrate(self) -> None:
        """The budget up to now."""
        if not self._now:
            self._now = self.sums(self._on_host())
        self.budget.integrate(self._now)

    def _is_damped(self) -> bool:
        fluid = self.job.fluid
        return bool(fluid.viscosity or fluid.viscosity_rate or fluid.drag)

    def _last(self, row: dict[str, Any]) -> dict[str, float]:
        return {name: row[name] for name in ("energy", "enstrophy")}

    def _on_host(self) -> np.ndarray:
        return self.backend.host(self.state["vorticity"])
