"""A run of a Fourier-Galerkin truncation: Runge-Kutta or the conserving midpoint, damping, forcing."""

from __future__ import annotations

from typing import Any

from hpcphys.compiler import State
from hpcphys.physics.vorticity.forcing import INJECTED, INJECTED_ENSTROPHY
from hpcphys.run.checkpoint import Checkpoint
from hpcphys.run.fluids import assembly
from hpcphys.run.fluids.job import FluidJob
from hpcphys.run.fluids.simulation import FlowSimulation
from hpcphys.run.fluids.start import initial_vorticity


class PseudospectralSimulation(FlowSimulation):
    """The flow as [initial] says or as the checkpoint has it.

    checkpoint: that is being resumed, or None
    Raises JobError for a grid that is too small for the ranks, or a fixed step that is too long for the
    start.
    """

    def __init__(
        self,
        job: FluidJob,
        backend: Any,
        communicator: Any,
        timers: Any,
        log: Any,
        checkpoint: Checkpoint | None,
    ) -> None:
        grid = assembly.vorticity_grid(job, communicator)
        engine = assembly.engine_for(job, grid, backend, communicator)
        self.forcing = assembly.forcing_for(job, grid, backend, communicator)
        if checkpoint is None:
            modes = initial_vorticity(job, engine, communicator)
            state = State({"vorticity": backend.array(modes)})
            assembly.check_courant(job, engine, engine.largest_speed(state))
        else:
            arrays = {name: backend.array(array) for name, array in checkpoint.arrays.items()}
            state = State(arrays, checkpoint.time, checkpoint.step, checkpoint.scalars)
        program = assembly.compiled_program(job, state, engine, self.forcing, timers)
        memory = checkpoint.memory if checkpoint is not None else {}
        super().__init__(job, grid, engine, program, timers, log, memory)

    def headline(self) -> str:
        """Grid, model, integrator, start."""
        job, grid = self.job, self.grid
        name = "Euler" if self.engine.damping.absent else "Navier-Stokes"
        forced = f", forced at k = {job.forcing.wavenumber:g}" if job.forcing else ""
        return (
            f"2D {name}, {grid.n} x {grid.n} points (K = {grid.cutoff}), {job.fluid.precision}, "
            f"{job.time.integrator}, {job.initial.model}{forced}"
        )

    def modes(self) -> Any:
        """The state itself."""
        return self.state["vorticity"]

    def tendency(self) -> Any:
        """Of the engine."""
        return self.engine.tendency(self.state["vorticity"])

    def account(self, dt: float) -> None:
        """What the forcing put in, as it measured; and every few steps what damping took."""
        if self.forcing is not None:
            scalars = self.state.scalars
            self.budget.injected(scalars[INJECTED], scalars[INJECTED_ENSTROPHY])
        self.budget.wait(dt)
        if not self.engine.damping.absent and self.state.step % self.job.diagnostics.budget_every == 0:
            self.budget.integrate(self.quadratic())
