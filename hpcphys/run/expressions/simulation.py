"""A run of a batch of systems that are stated as expressions, as the driver sees it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from hpcphys.compiler.program import OperationError
from hpcphys.kernels import KernelError
from hpcphys.run.checkpoint import Checkpoint
from hpcphys.run.errors import RunError
from hpcphys.run.expressions import assembly
from hpcphys.run.expressions.declaration import Declaration
from hpcphys.run.expressions.job import HamiltonianJob
from hpcphys.run.expressions.watch import BatchWatch
from hpcphys.run.kind import Simulation


class HamiltonianSimulation(Simulation):
    """Independent systems of one Hamiltonian, rows of them on each rank, moved by one native program.

    checkpoint: that is being resumed, or None
    """

    snapshot_pattern = "states_{index:03d}.h5"

    def __init__(
        self,
        job: HamiltonianJob,
        declaration: Declaration,
        backend,
        communicator,
        timers,
        checkpoint: Checkpoint | None,
    ) -> None:
        self.job, self.declaration = job, declaration
        self.backend, self.communicator = backend, communicator
        self.systems = job.initial.systems
        self.first, last = assembly.rows_of(job, communicator)
        start = declaration.rows.rows(self.first, last)
        self.program = assembly.compiled_program(
            job, declaration, start, backend, timers, self.first, self.systems
        )
        memory = None
        if checkpoint is not None:
            state, memory = self.program.state, checkpoint.memory
            state.replace({name: backend.array(array) for name, array in checkpoint.arrays.items()})
            state.time, state.step = checkpoint.time, checkpoint.step
            state.scalars.update(checkpoint.scalars)
        limit = job.limits.energy_error
        self.watch = BatchWatch(
            declaration, start, communicator, self.systems, limit, memory and memory["watch"]
        )
        wanted = job.observables.trajectories
        if wanted is None:
            wanted = declaration.zoo.trajectories if declaration.zoo else 1
            wanted = wanted if self.systems == 1 or (declaration.zoo and wanted > 1) else 0
        self.trajectories = min(wanted, self.systems)
        self._failure = ""

    @property
    def state(self):
        """The state that the program moves."""
        return self.program.state

    @property
    def memory(self) -> dict[str, Any]:
        """The largest errors so far."""
        return {"watch": self.watch.memory}

    def headline(self) -> str:
        """The system and its integrator."""
        zoo = self.declaration.zoo
        name = zoo.title if zoo else f"{self.declaration.structure.name} structure"
        return f"{name}, {self.job.time.integrator}"

    def start(self, resumed: bool) -> None:
        """See that the first state is one."""
        self.program.prepare()
        if not resumed and self.communicator.agree(0 if self.is_finite() else 1):
            self.raise_not_finite()

    def advance(self, steps: int, diagnosed: bool) -> None:
        """The steps, in one call where the program is native."""
        try:
            self.program.run(steps)
        except OperationError as error:
            if isinstance(error.__cause__, KernelError):
                raise
            # A system of this rank alone cannot go on: all ranks learn of it when they agree.
            self._failure = str(error)

    def is_finite(self) -> bool:
        """Whether all numbers of this rank are finite: one sum finds one that is not."""
        if self._failure:
            return False
        xp, state = self.backend.xp, self.state
        names = [v.name for v in self.declaration.coordinates.variables]
        return all(bool(xp.isfinite(xp.sum(state[name]))) for name in names)

    def raise_not_finite(self) -> None:
        """Raise RunError that names the first bad variable, system and rank, and the pieces that write it."""
        everyone = self.communicator.allgather(self._failure or self._first_bad())
        for rank, found in enumerate(everyone):
            if found:
                where = f" on rank {rank}" if self.communicator.size > 1 else ""
                raise RunError(
                    f"{found}{where}.  No checkpoint of this state is written.  Use a shorter step"
                )
        raise RunError(f"the coordinates overflow after step {self.state.step} at time {self.state.time:g}")

    def _first_bad(self) -> str:
        state = self.state
        for variable in self.declaration.coordinates.variables:
            array = self.backend.host(state[variable.name]).reshape(state.count, -1)
            bad = ~np.isfinite(array)
            if bad.any():
                row, column = (int(index) for index in np.argwhere(bad)[0])
                writers = [p.name for p in self.program.system.pieces if variable.name in p.writes]
                name = variable.name if variable.size is None else f"{variable.name}[{column}]"
                return (
                    f"{name} of system {self.first + row} is {array[row, column]} after step {state.step} "
                    f"at time {state.time:g}; it was written by {' or '.join(writers)}"
                )
        return ""

    def row(self) -> dict[str, Any]:
        """Means, ranges and errors, and the coordinates of the first systems."""
        arrays = self._on_host()
        row = self.watch.row(arrays, self.state.time)
        if self.trajectories:
            mine = max(0, min(self.trajectories - self.first, self.state.count))
            for variable in self.declaration.coordinates.variables:
                parts = self.communicator.allgather(arrays[variable.name][:mine])
                row[variable.name] = np.concatenate(parts)
        return row

    def check(self, row: dict[str, Any]) -> None:
        """Raise RunError when the energy of a system is beyond [limits] energy_error."""
        reason = self.watch.energy_failure(row, self.state.step, self.state.time)
        if not reason:
            return
        error, local = self.watch.worst_system(self._on_host(), self.state.time)
        everyone = self.communicator.allgather((error, self.communicator.rank, self.first + local))
        _, rank, system = max(everyone)
        pieces = ", ".join(piece.name for piece in self.program.system.pieces)
        raise RunError(
            f"{reason}.  It is that of system {system} on rank {rank} (pieces: {pieces}).  No checkpoint "
            "of this state is written"
        )

    def note(self, row: dict[str, Any]) -> str:
        """The energy error."""
        return f"dE/E {row['energy_error']:+.1e}" if "energy_error" in row else ""

    def write_snapshot(self, path: Path, job_text: str) -> None:
        """All systems as one HDF5 file with named dimensions."""
        from hpcphys.io.states import write_states

        state, arrays = self.state, self._on_host()
        write_states(path, self.communicator, arrays, state.time, state.step, self.first, job_text)

    def metrics(self, row: dict[str, Any], steps: int, seconds: float) -> dict[str, Any]:
        """Largest errors of all that is conserved, and the rate."""
        metrics: dict[str, Any] = {
            f"{name}_error_max": value for name, value in self.watch.memory["largest"].items()
        }
        rate = steps / seconds if seconds > 0 else None
        return {
            **metrics,
            "systems": self.systems,
            "steps_per_second": rate,
            "system_steps_per_second": rate * self.systems if rate else None,
        }

    def closing_lines(self, metrics: dict[str, Any]) -> list[str]:
        """Rate, errors, and what the system's runs are made for."""
        rate = metrics["system_steps_per_second"]
        lines = [f"{rate:.3g} steps of a system per second"] if rate else []
        errors = [f"{name} {metrics[f'{name}_error_max']:.1e}" for name in self.watch.kept]
        if errors:
            lines.append(f"largest relative errors: {', '.join(errors)}")
        results = [f"{name} {value:.9g}" for name, value in metrics.get("results", {}).items()]
        if results:
            lines.append(", ".join(results))
        return [*lines, *metrics.get("conservation", [])]

    def _on_host(self) -> dict[str, np.ndarray]:
        """Variables, and parameters with a value for each system, in host memory."""
        known, state = self.declaration.coordinates.named, self.state
        return {name: self.backend.host(state[name]) for name in state.names() if name in known}
