"""A run of a wavefunction, as the driver sees it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from hpcphys.compiler import State
from hpcphys.compiler.program import OperationError
from hpcphys.compiler.structures.wavefunction import WAVEFUNCTION
from hpcphys.kernels import KernelError
from hpcphys.physics.schrodinger import observables
from hpcphys.physics.schrodinger.grid import AXES
from hpcphys.run.checkpoint import Checkpoint
from hpcphys.run.errors import RunError
from hpcphys.run.kind import Simulation
from hpcphys.run.wavefunctions import assembly
from hpcphys.run.wavefunctions.declaration import Declaration
from hpcphys.run.wavefunctions.job import WaveJob
from hpcphys.run.wavefunctions.phases import extremes, phases, warnings
from hpcphys.run.wavefunctions.snapshots import PATTERN, write_wavefunction
from hpcphys.run.wavefunctions.transmission import Sweep
from hpcphys.run.wavefunctions.watch import REFERENCE, START, WaveWatch


class WaveSimulation(Simulation):
    """One wavefunction, in slabs on the ranks, and the program that moves it.

    checkpoint: that is being resumed, or None;  log: where warnings about the step go
    """

    snapshot_pattern: ClassVar[str] = PATTERN

    def __init__(
        self,
        job: WaveJob,
        backend: Any,
        communicator: Any,
        timers: Any,
        log: Any,
        checkpoint: Checkpoint | None,
    ) -> None:
        self.job, self.backend, self.communicator, self.log = job, backend, communicator, log
        self.declaration: Declaration = assembly.declaration_of(job)
        self.grid = assembly.grid_of(self.declaration, communicator)
        self.engine = assembly.engine_of(job, self.declaration, self.grid, backend, communicator)
        self.engine.frozen = 0.0 if job.time.mode == "imaginary" else None
        memory = checkpoint.memory if checkpoint is not None else {}
        self.levels: list[float] = memory.get("levels", [])
        state = self._first_state() if checkpoint is None else self._restored(checkpoint)
        self.program = assembly.compiled_program(job, state, self.engine, timers)
        self.watch = WaveWatch(job, self.declaration, self.engine, communicator, memory.get("watch"))
        self.sweep = None
        if job.transmission is not None:
            incoming = memory.get("incoming")
            self.sweep = Sweep(job.transmission, self.declaration, self.grid, communicator, incoming)

    @property
    def state(self) -> State:
        """The state that the program moves."""
        return self.program.state

    @property
    def takes_many_steps(self) -> bool:
        """One rank alone does many steps in a call; several look at each other after every step."""
        return self.communicator.size == 1

    @property
    def memory(self) -> dict[str, Any]:
        """References of what is conserved, largest errors, levels, and the incoming packet of a sweep."""
        found: dict[str, Any] = {"watch": self.watch.memory, "levels": self.levels}
        if self.sweep is not None and self.sweep.incoming is not None:
            found["incoming"] = self.sweep.incoming.tolist()
        return found

    def headline(self) -> str:
        """The grid, the equation and the integrator."""
        grid = " x ".join(map(str, self.grid.points))
        equation = "Gross-Pitaevskii" if self.job.wave.nonlinearity else "Schrödinger"
        how = self.job.time.integrator + (", imaginary time" if self.engine.imaginary else "")
        return f"{equation} equation on {grid} points, {self.job.initial.model}, {how}"

    def start(self, resumed: bool) -> None:
        """See that the first state is one, and warn of a step that is too long."""
        self.program.prepare()
        if resumed:
            return
        if self.communicator.agree(0 if self.is_finite() else 1):
            self.raise_not_finite()
        for line in self._warnings():
            self.log.warning(line)
        for index, energy in enumerate(self.levels):
            self.log.line(f"state {index}: energy {energy:.12g}")
        if self.sweep is not None:
            self.sweep.begin(self._host(WAVEFUNCTION))

    def advance(self, steps: int, diagnosed: bool) -> None:
        """The steps, each completed: a run that was stopped and resumed goes on bit for bit."""
        for _ in range(steps):
            try:
                self.program.step()
            except OperationError as error:
                if isinstance(error.__cause__, KernelError):
                    raise
                raise RunError(f"{error}.  No checkpoint of this state is written") from error
            except ArithmeticError as error:  # a factor of t in V that has a pole: on all ranks alike
                raise RunError(
                    f"the potential cannot be evaluated after step {self.state.step} at time "
                    f"{self.state.time:g}: {error}.  No checkpoint of this state is written"
                ) from error
            if self.engine.imaginary:
                self._normalise()
            if steps > 1 and not self.is_finite():
                return

    def is_finite(self) -> bool:
        """Whether all numbers of this rank are finite: one sum finds one that is not."""
        xp = self.backend.xp
        return bool(xp.isfinite(xp.sum(self.state[WAVEFUNCTION])))

    def raise_not_finite(self) -> None:
        """Raise RunError that names the first bad point and rank, and the flows that write there."""
        everyone = self.communicator.allgather(self._first_bad())
        for rank, found in enumerate(everyone):
            if found:
                where = f" on rank {rank}" if self.communicator.size > 1 else ""
                raise RunError(
                    f"{found}{where}.  No checkpoint of this state is written.  Use a shorter step, or a "
                    "potential that stays finite"
                )
        raise RunError(f"the wavefunction overflows after step {self.state.step} at time {self.state.time:g}")

    def row(self) -> dict[str, Any]:
        """Norm, energies, means, widths, what [observables] asks for, and errors."""
        return self.watch.row(self.state)

    def check(self, row: dict[str, Any]) -> None:
        """Raise RunError when norm or energy are beyond [limits]."""
        if reason := self.watch.failure(row, self.job.limits, self.state.step, self.state.time):
            raise RunError(f"{reason}.  No checkpoint of this state is written")

    def note(self, row: dict[str, Any]) -> str:
        """The error of the energy, or the energy where it changes."""
        if not row:
            return ""
        return f"dE/E {row['energy_error']:+.1e}" if "energy_error" in row else f"E {row['energy']:.8g}"

    def write_snapshot(self, path: Path, job_text: str) -> None:
        """Density, real and imaginary part as HDF5, and an XDMF file beside it for ParaView."""
        state = self.state
        write_wavefunction(
            path, self.communicator, self.grid, self._host(WAVEFUNCTION), state.time, state.step, job_text
        )

    def metrics(self, row: dict[str, Any], steps: int, seconds: float) -> dict[str, Any]:
        """Errors, energies, exact errors, levels, transmission, rate."""
        memory = self.watch.memory
        found: dict[str, Any] = {
            name: row.get(name) for name in ("energy", "norm", "chemical_potential") if name in row
        }
        if self.watch.conserves_norm:
            found["norm_error_max"] = memory["norm_error"]
        if self.watch.conserves_energy:
            found["energy_error_max"] = memory["energy_error"]
        found |= {f"{name}_error_max": value for name, value in memory["exact"].items()}
        if "wave_error" in row:
            found["wave_error"] = row["wave_error"]
        if self.levels:
            found["levels"] = self.levels
            pairs = zip(self.levels, self.declaration.levels, strict=False)
            errors = [abs(level - exact) for level, exact in pairs]
            if errors:
                found["levels_error_max"] = max(errors)
        if self.sweep is not None:
            found["transmission"] = self.sweep.result(self._host(WAVEFUNCTION))
        rate = steps / seconds if seconds > 0 else None
        return {
            **found,
            "points": self.grid.count,
            "steps_per_second": rate,
            "point_steps_per_second": rate * self.grid.count if rate else None,
        }

    def closing_lines(self, metrics: dict[str, Any]) -> list[str]:
        """Rate, errors, and what the job is made for."""
        rate = metrics["point_steps_per_second"]
        lines = [f"{rate:.3g} steps of a point per second"] if rate else []
        words = [f"energy {metrics['energy']:.12g}"]
        if "chemical_potential" in metrics:
            words.append(f"chemical potential {metrics['chemical_potential']:.10g}")
        words += [
            f"{name.removesuffix('_max').replace('_', ' ')} {value:.1e}"
            for name, value in metrics.items()
            if name.endswith("_error_max")
        ]
        lines.append(", ".join(words))
        sweep = metrics.get("transmission")
        if sweep is not None:
            error = f", largest error {sweep['error_max']:.1e}" if "error_max" in sweep else ""
            low, high = min(sweep["energies"]), max(sweep["energies"])
            lines.append(f"transmission at {len(sweep['energies'])} energies, {low:g} to {high:g}{error}")
        found = metrics.get("spectrum")
        if found:
            lines.append("lines of the spectrum: " + ", ".join(f"{line:.7g}" for line in found["lines"]))
        return lines

    def _first_state(self) -> State:
        first = assembly.FirstState(self.job, self.declaration, self.grid, self.backend, self.communicator)
        psi = first.wavefunction(self.job.initial, self.declaration.initial)
        self.levels = first.levels
        arrays = {WAVEFUNCTION: self.backend.array(psi)}
        table = self.job.observables
        if table.autocorrelation:
            arrays[START] = self.backend.array(psi.copy())
        if table.reference is not None:
            reference = first.wavefunction(table.reference, self.declaration.reference)
            arrays[REFERENCE] = self.backend.array(reference)
        return State(arrays, first=self.grid.rows[0])

    def _restored(self, checkpoint: Checkpoint) -> State:
        arrays = {name: self.backend.array(array) for name, array in checkpoint.arrays.items()}
        return State(
            arrays,
            time=checkpoint.time,
            step=checkpoint.step,
            scalars=checkpoint.scalars,
            first=self.grid.rows[0],
        )

    def _normalise(self) -> None:
        """Imaginary time: the norm back to 1."""
        norm = observables.norm(self.state, self.engine)
        psi = self.state[WAVEFUNCTION]
        psi *= float(1.0 / np.sqrt(norm))

    def _warnings(self) -> list[str]:
        """About the step and the grid, by all ranks."""
        function = self.engine.potential_function
        values = np.zeros(1) if function is None else function.values(self.state.time)
        low, high = extremes(values)
        low, high = self.communicator.allreduce(low, "min"), self.communicator.allreduce(high, "max")
        return warnings(self.job, phases(self.job, self.declaration, low, high), self.grid)

    def _first_bad(self) -> str:
        psi = self._host(WAVEFUNCTION)
        bad = np.argwhere(~np.isfinite(psi))
        if not len(bad):
            return ""
        place = tuple(int(index) for index in bad[0])
        point = ", ".join(
            f"{AXES[axis]} = {self.grid.axes[axis][index]:g}" for axis, index in enumerate(place)
        )
        writers = " or ".join(piece.name for piece in self.program.system.pieces)
        return (
            f"the wavefunction at {point} is {psi[place]} after step {self.state.step} at time "
            f"{self.state.time:g}; it was written by {writers}"
        )

    def _host(self, name: str) -> np.ndarray:
        return self.backend.host(self.state[name])
