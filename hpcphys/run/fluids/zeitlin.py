"""A run of Zeitlin's model: a Hermitian matrix whose eigenvalues stay as they are."""

from __future__ import annotations

from typing import Any

from hpcphys.compiler import State, compile_structure
from hpcphys.run.checkpoint import Checkpoint
from hpcphys.run.errors import JobError
from hpcphys.run.fluids import assembly
from hpcphys.run.fluids.job import ISOSPECTRAL, FluidJob
from hpcphys.run.fluids.simulation import FlowSimulation
from hpcphys.run.fluids.start import initial_vorticity


class ZeitlinSimulation(FlowSimulation):
    """The matrix of the flow that [initial] says, or of the checkpoint.

    The grid of N x N points serves to make the start, and to draw: its amplitudes are those of the matrix.
    checkpoint: that is being resumed, or None.  Raises JobError for a matrix that is too small for the ranks.
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
        self.bracket = bracket_for(job, backend, communicator)
        if checkpoint is None:
            modes = initial_vorticity(job, engine, communicator)
            state = State({"vorticity": self.bracket.matrix_of(modes)})
        else:
            arrays = {name: backend.array(array) for name, array in checkpoint.arrays.items()}
            state = State(arrays, checkpoint.time, checkpoint.step, checkpoint.scalars)
        memory = checkpoint.memory if checkpoint is not None else {}
        program = compiled_program(job, state, self.bracket, timers)
        super().__init__(job, grid, engine, program, timers, log, memory)

    def headline(self) -> str:
        """Size, bracket, integrator, start."""
        job = self.job
        return f"2D Euler, Zeitlin's model, N = {self.grid.n}, {job.time.integrator}, {job.initial.model}"

    def modes(self) -> Any:
        """Amplitudes of the matrix."""
        return self.bracket.amplitudes_of(self.state["vorticity"])

    def tendency(self) -> Any:
        """Amplitudes of -i c [Psi, W]."""
        return self.bracket.amplitudes_of(self.bracket.tendency(self.state["vorticity"]))

    def place(self, row: int, column: int) -> str:
        """An element of the matrix."""
        return f"element ({row + self.bracket.matrices.first}, {column}) of the matrix"

    def row(self) -> dict[str, Any]:
        """As of every flow, and the model's own Casimirs tr W^m/N, m = 2 ... 6, which go to <ω^m> as N
        grows."""
        row = super().row()
        area = self.grid.length**2
        traces = self.bracket.casimirs(self.state["vorticity"])
        return row | {f"casimir_{power}": value / area for power, value in traces.items()}


def bracket_for(job: FluidJob, backend: Any, communicator: Any) -> Any:
    """The sine bracket of the job's size."""
    from hpcphys.physics.zeitlin import SineBracket

    return SineBracket(
        job.grid.points, backend, communicator, length=job.grid.length, angle=job.fluid.sine_angle
    )


def compiled_program(job: FluidJob, state: State, bracket: Any, timers: Any = None) -> Any:
    """The isospectral midpoint, or a composition of it.  Raises JobError for a matrix that it cannot move."""
    from hpcphys.physics.zeitlin import zeitlin

    try:
        system = zeitlin(state, bracket)
    except ValueError as problem:
        raise JobError([f"initial: {problem}"]) from problem
    return compile_structure(system, ISOSPECTRAL[job.time.integrator], dt=job.time.step, timers=timers)
