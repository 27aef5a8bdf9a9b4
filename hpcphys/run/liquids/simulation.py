"""A run of a liquid, as the driver sees it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from hpcphys.compiler import State
from hpcphys.compiler.program import SEED, OperationError
from hpcphys.decomposition.cells.box import Box
from hpcphys.forces.pairs.balancing import imbalance
from hpcphys.io.blocks import Block
from hpcphys.run.checkpoint import Checkpoint
from hpcphys.run.driver import steps_wanted
from hpcphys.run.errors import JobError, RunError
from hpcphys.run.kind import Simulation
from hpcphys.run.liquids import assembly, results
from hpcphys.run.liquids.beginning import begin
from hpcphys.run.liquids.declaration import RAMP_STEPS, is_ramped
from hpcphys.run.liquids.job import LiquidJob
from hpcphys.run.liquids.observing import PREFIX, Observing
from hpcphys.run.liquids.snapshots import Snapshots
from hpcphys.run.liquids.start import first_configuration
from hpcphys.run.liquids.thermo import Moment, ThermoLines, measured, row_of
from hpcphys.run.liquids.units import named_units
from hpcphys.run.liquids.watch import (
    NO_CHECKPOINT,
    Watch,
    check_first_forces,
    raise_failed,
    raise_not_finite,
)

LINES = 20
"""Thermo lines of a run that does not say how many."""


class LiquidSimulation(Simulation):
    """Atoms in a box with pair forces, an ensemble and observables, from [initial] or from a checkpoint.

    checkpoint: that is being resumed, or None.  Collective.  Raises JobError, DataFileError, RunError.
    """

    def __init__(
        self,
        job: LiquidJob,
        backend: Any,
        communicator: Any,
        timers: Any,
        log: Any,
        checkpoint: Checkpoint | None,
    ) -> None:
        self.job, self.backend, self.communicator = job, backend, communicator
        self.timers, self.log = timers, log
        self.units = named_units(job.units)
        memory = checkpoint.memory if checkpoint is not None else {}
        if checkpoint is None:
            arrays, box = first_configuration(job, communicator)
            self.state = State({name: backend.array(array) for name, array in arrays.items()})
            del arrays  # an exchange replaces the state's, and these would stay beside them
            box.to_scalars(self.state)
        else:
            kept = {name: a for name, a in checkpoint.arrays.items() if not name.startswith(PREFIX)}
            self.state = State(
                {name: backend.array(array) for name, array in kept.items()},
                checkpoint.time, checkpoint.step, checkpoint.scalars,
            )  # fmt: skip
            box = Box.from_scalars(self.state, tuple(memory["periodic"]))
        self.atoms = int(communicator.allreduce(self.state.count, "sum"))
        self.box = box
        self.pairs = assembly.pair_forces(job, box, self.state, backend, communicator)
        self.constraints = assembly.rigid_molecules(job)
        if checkpoint is None:
            begin(job, self.state, self.pairs, self.constraints, backend, communicator, log)
        else:
            self.pairs.restore(self.state, memory["pairs"])
        self._kept_momenta = memory.get("kept_momenta", None if job.initial.remove_drift else 0)
        self._compile()
        self.watch = Watch(job.limits, memory.get("watch"))
        try:
            self.observing = Observing(job, self.system, box, backend, communicator)
        except ValueError as problem:
            raise JobError([f"observables: {problem}"]) from problem
        if checkpoint is not None:
            self.observing.restore(checkpoint, memory["observables"])
        self.snapshots = Snapshots(job, communicator, backend, self.units)
        self.thermo = ThermoLines(self.atoms, self.units, self._steps_between_lines())
        self._moment: tuple[int, Moment] | None = None

    def _compile(self) -> None:
        """System and program, for the bath's temperature of this step."""
        job, state = self.job, self.state
        self.system = assembly.liquid_system(
            job, state, self.pairs, self.constraints, self.backend, self.communicator, self._kept_momenta
        )
        self._kept_momenta = self.system.setting.conserved_momenta
        state.scalars[SEED] = getattr(job.ensemble, "seed", job.initial.seed)
        self.program = assembly.compiled_program(job, self.system, self.timers)

    def _steps_between_lines(self) -> int:
        every = self.job.output.diagnostics_every
        wanted = self.job.output.thermo_every or math.ceil(steps_wanted(self.job) / LINES)
        return every * max(1, round(wanted / every))

    # -- what the driver asks ----------------------------------------------------------------------

    @property
    def takes_many_steps(self) -> bool:
        """Whether `advance` may do many steps at once: failures are found by the forces of each."""
        return True

    @property
    def snapshot_pattern(self) -> str:  # type: ignore[override]
        """Name of a snapshot in the job's format."""
        return self.snapshots.pattern

    @property
    def memory(self) -> dict[str, Any]:
        """Counts of lists, momenta that stay zero, where the conserved quantity began, observables."""
        return {
            "pairs": self.pairs.memory,
            "kept_momenta": self._kept_momenta,
            "watch": self.watch.memory,
            "observables": self.observing.memory,
            "periodic": [bool(axis) for axis in self.box.periodic],
        }

    def further_blocks(self) -> dict[str, Block]:
        """Arrays and rows that observables remember."""
        return self.observing.blocks()

    def headline(self) -> str:
        """Start, potential, ensemble and integrator."""
        job = self.job
        return (
            f"{self.box.describe()}, {job.pairs.model} to {job.pairs.cutoff:g}, "
            f"{self.system.ensemble.describe()}, {self.program.composition.name}"
        )

    def start(self, resumed: bool) -> None:
        """Forces of the first state, held against its step; nothing is evaluated when resumed."""
        with self.timers.measure("start"):
            if resumed:
                self._guarded(lambda: self.program.prepare())
                return
            self._guarded(lambda: self.program.prepare({"totals"}), at_start=True)
            state, job = self.state, self.job
            if self.communicator.agree(not np.isfinite(self.backend.host(state["force"])).all()):
                raise_not_finite(state, self.backend, self.communicator)
            check_first_forces(state, job.time.step, job.pairs.cutoff, self.backend, self.communicator)
            self._sample()
        if "NO known ensemble" in self.system.ensemble.samples:
            self.log.warning(f"{job.ensemble.model} samples {self.system.ensemble.samples}")

    def resume_files(self, folder: Path) -> None:
        """Cut the trajectory back to the checkpoint."""
        self.snapshots.resume(folder, self.state.step)

    def advance(self, steps: int, diagnosed: bool) -> None:
        """The steps, divided where an observable is due or the bath's temperature changes."""
        last = self.state.step + steps
        while self.state.step < last:
            self._guarded(lambda: self._advance_to_next(last, diagnosed))

    def _advance_to_next(self, last: int, diagnosed: bool) -> None:
        state, observing = self.state, self.observing
        if is_ramped(self.job.ensemble) and state.step and state.step % RAMP_STEPS == 0:
            self._compile()
        target = min(last, observing.next_step(state.step))
        if is_ramped(self.job.ensemble):
            target = min(target, state.step + RAMP_STEPS - state.step % RAMP_STEPS)
        wanted = (diagnosed and target == last) or observing.needs_moment(observing.due(target))
        self.program.run(target - state.step, outputs=frozenset({"totals"} if wanted else ()))
        self._sample()

    def _sample(self) -> None:
        """A sample of every observable that is due after this step."""
        names = self.observing.due(self.state.step)
        if not names:
            return
        with self.timers.measure("observables"):
            moment = self.moment() if self.observing.needs_moment(names) else None
            self.observing.sample(names, self.state, moment)

    def moment(self) -> Moment:
        """The present moment, measured once; collective."""
        step = self.state.step
        if self._moment is None or self._moment[0] != step:
            self._moment = (step, measured(self.system, self.pairs))
        return self._moment[1]

    def is_finite(self) -> bool:
        """Whether this rank's velocities are numbers."""
        xp = self.backend.xp
        return bool(xp.isfinite(xp.sum(self.state["velocity"])))

    def raise_not_finite(self) -> None:
        """Raise RunError that names the first bad array, rank and atom."""
        raise_not_finite(self.state, self.backend, self.communicator)

    def row(self) -> dict[str, Any]:
        """Temperature, energies, pressure, box, the conserved quantity and its drift, lists made."""
        moment = self.moment()
        first = self.watch.first(moment.conserved)
        row = row_of(moment, first, self.atoms, self.state, self.pairs)
        self.watch.keep(row)
        return row

    def check(self, row: dict[str, Any]) -> None:
        """Raise RunError beyond [limits]."""
        self.watch.check(row, self.state.step, self.state.time)

    def note(self, row: dict[str, Any]) -> str:
        """Temperature and drift."""
        return f"T {row['temperature']:.4g}, drift {row['conserved_error']:+.1e}" if row else ""

    def table_lines(self, row: dict[str, Any]) -> str:
        """A thermo line, where one is due."""
        return self.thermo.lines(row)

    def write_snapshot(self, path: Path, job_text: str) -> None:
        """A frame of the H5MD trajectory, or a text file."""
        box = Box.from_scalars(self.state, self.box.periodic)
        self.snapshots.write(path, self.state, box, job_text)

    def finish(self) -> None:
        """Energies of the last state are measured with its row."""

    def write_results(self, folder: Path) -> None:
        """observables.h5: the curves that were measured."""
        found = results.curves(self.job, self.observing, self.units.boltzmann)
        if found and self.communicator.rank == 0:
            units = {"length": self.units.length, "energy": self.units.energy, "time": self.units.time}
            names = {"types": list(self.job.types.names)} if self.job.types.names else {}
            results.write_curves(folder / results.FILE, found, units | names)

    def metrics(self, row: dict[str, Any], steps: int, seconds: float) -> dict[str, Any]:
        """Averages with errors, transport coefficients, drift, lists, rate."""
        found = results.numbers(self.job, self.observing, self.units.boltzmann)
        if not self.units.reduced and "pressure" in found:
            scale = self.units.pressure_bar
            found |= {
                "pressure_bar": found["pressure"] * scale,
                "pressure_bar_error": found["pressure_error"] and found["pressure_error"] * scale,
            }
        rate = self.atoms * steps / seconds if seconds > 0.0 else None
        return {
            "energy_error": row.get("conserved_error"),
            "energy_error_max": self.watch.memory.get("largest_error"),
            **found,
            "atoms": self.atoms,
            "builds": self.pairs.builds,
            "dangerous_builds": self.pairs.dangerous,
            "steps_per_build": self.state.step / max(1, self.pairs.builds),
            "atom_steps_per_second": rate,
            "imbalance": imbalance(self.pairs, self.state),
            "planes_moved": self.pairs.balance.moved,
        }

    def closing_lines(self, metrics: dict[str, Any]) -> list[str]:
        """Rate, lists, drift, and every average with its error."""
        rate = metrics["atom_steps_per_second"] or math.nan
        lines = [
            f"{rate:.3g} atom-steps/s; {metrics['builds']} lists, one in "
            f"{metrics['steps_per_build']:.3g} steps, "
            f"{metrics['dangerous_builds']} dangerous",
            f"conserved quantity: drift {metrics['energy_error']:+.2e} per atom, largest "
            f"{metrics['energy_error_max']:.2e}",
        ]
        if self.communicator.size > 1:
            lines.append(
                f"work of the busiest rank: {metrics['imbalance']:.3g} times the mean; planes between "
                f"blocks moved {metrics['planes_moved']} times"
            )
        errors = [name for name in metrics if name.endswith("_error") and name != "energy_error"]
        for name in (error.removesuffix("_error") for error in errors):
            value, error = metrics[name], metrics[f"{name}_error"]
            if value is not None:
                lines.append(f"{name}: {value:.6g}" + (f" ± {error:.1g}" if error is not None else ""))
        if metrics["dangerous_builds"]:
            what = "held for a single step" if self.pairs.checked else "was used beyond its buffer"
            lines.append(f"dangerous builds: a list {what}; give a larger pairs.buffer")
        return lines

    def _guarded(self, action: Any, at_start: bool = False) -> None:
        """Do it; an operation that fails ends the run with what it says of atoms and step."""
        try:
            action()
        except OperationError as error:
            if isinstance(error.__cause__, ValueError | ArithmeticError | RuntimeError):
                raise_failed(error, self.communicator, at_start)
            raise
        except (
            ValueError,
            ArithmeticError,
        ) as error:  # of an observable, or of an evaluation beside the steps
            raise RunError(f"after step {self.state.step}: {error}.  {NO_CHECKPOINT}") from error
