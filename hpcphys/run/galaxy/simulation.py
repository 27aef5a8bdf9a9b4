"""A run of self-gravitating particles, as the driver sees it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from hpcphys.compiler import State
from hpcphys.compiler.program import OperationError
from hpcphys.run.galaxy import assembly
from hpcphys.run.galaxy.force_error import ForceError
from hpcphys.run.galaxy.job import GravityJob
from hpcphys.run.galaxy.watch import Watch, is_finite, raise_energy_failure, raise_not_finite
from hpcphys.run.kind import Simulation


class GravitySimulation(Simulation):
    """Particles, their force field and the program that moves them.

    log: where measurements of the force error are told;  memory: of the checkpoint that is being resumed
    """

    def __init__(
        self,
        job: GravityJob,
        state: State,
        backend,
        communicator,
        timers,
        log,
        memory: dict | None = None,
    ) -> None:
        memory = memory or {}
        self.job, self.backend, self.communicator = job, backend, communicator
        self.timers, self.log = timers, log
        self.field = assembly.force_field(job, backend, communicator)
        self.program = assembly.compiled_program(job, state, self.field, backend, communicator, timers)
        self.watch = Watch(job.limits.energy_error, memory.get("watch"))
        self.force_error = ForceError(job.gravity, self.field, communicator, memory.get("force_error"))

    @property
    def state(self) -> State:
        """The state that the program moves."""
        return self.program.state

    @property
    def memory(self) -> dict[str, Any]:
        """The references of conserved quantities, and the force error with the criterion it led to."""
        return {"watch": self.watch.memory, "force_error": self.force_error.memory}

    def headline(self) -> str:
        """Model, method and integrator."""
        return f"{self.job.initial.model}, {self.job.gravity.method}, {self.job.time.integrator}"

    def start(self, resumed: bool) -> None:
        """Forces of the first state and their measured error; forces alone when resumed."""
        if resumed:
            with self.timers.measure("start"):
                self.program.prepare()
                self.force_error.restore()
            return
        with self.timers.measure("start"):
            self.program.prepare({"potential"})
            if not self._is_finite_everywhere():
                self.raise_not_finite()
        with self.timers.measure("force error"):
            changed = self.force_error.measure(self.state, self.program)
        self.log.line(self.force_error.text())
        if changed:
            self.program.prepare({"potential"})

    def advance(self, steps: int, diagnosed: bool) -> None:
        """The steps; with the potential at the end where diagnostics need it."""
        try:
            self.program.run(steps, outputs=frozenset({"potential"}) if diagnosed else frozenset())
        except OperationError as error:
            # A layout finds numbers that are none on all ranks together, before they reach the kernels.
            if isinstance(error.__cause__, FloatingPointError):
                self.raise_not_finite()
            raise

    def between_steps(self) -> str:
        """The force error, where it is to be measured."""
        every = self.job.gravity.error_check_every
        if every is None or self.state.step % every != 0:
            return ""
        with self.timers.measure("force error"):
            self.force_error.measure(self.state, self.program)
        return self.force_error.text()

    def is_finite(self) -> bool:
        """Whether this rank's velocities are numbers."""
        return is_finite(self.state, self.backend.xp)

    def raise_not_finite(self) -> None:
        """Raise RunError that names the first bad array, rank and particle."""
        raise_not_finite(self.state, self.backend, self.communicator)

    def row(self) -> dict[str, Any]:
        """Energies, momenta, centre, radii, errors of what is conserved, and the last force error."""
        from hpcphys.physics.gravity_diagnostics import diagnostics

        reproducible = self.job.run.reproducible
        row = diagnostics(
            self._on_host(), self.communicator, self.field, full=True, reproducible=reproducible
        )
        return {**row, **self.watch.errors(row), **self.force_error.columns()}

    def check(self, row: dict[str, Any]) -> None:
        """Raise RunError when the energy is beyond [limits] energy_error."""
        state = self.state
        if reason := self.watch.energy_failure(row["energy_error"], state.step, state.time):
            raise_energy_failure(reason, state, self.backend, self.communicator)

    def note(self, row: dict[str, Any]) -> str:
        """The energy error."""
        return f"dE/E {row['energy_error']:+.1e}" if row else ""

    def write_snapshot(self, path: Path, job_text: str) -> None:
        """A GADGET-4 HDF5 file."""
        from hpcphys.io.gadget4 import write_snapshot

        units = assembly.units(self.job)
        write_snapshot(path, self.communicator, self._on_host(), units, self.state.time, job_text)

    def finish(self) -> None:
        """Potentials of the last state."""
        self.program.prepare({"potential"})

    def metrics(self, row: dict[str, Any], steps: int, seconds: float) -> dict[str, Any]:
        """Errors of what is conserved, force error, rate, interactions per particle."""
        watch = self.watch.memory
        count = self.communicator.allreduce(self.state.count, "sum")
        metrics = {
            "energy_error": row.get("energy_error"),
            "energy_error_max": watch["energy_error_max"],
            "momentum_error": row.get("momentum_error"),
            "momentum_error_max": watch["momentum_error_max"],
            "angular_momentum_error": row.get("angular_momentum_error"),
            "virial_ratio": row.get("virial_ratio"),
            **self.force_error.columns(),
            "particles": count,
            "particles_per_second": count * steps / seconds if seconds > 0 else None,
        }
        own = self.field.statistics()
        work = {name: self.communicator.allreduce(own[name], "sum") for name in sorted(own)}
        if particles := work.pop("particles", 0.0):
            for name in ("pairs", "cells"):
                metrics[f"{name}_per_particle"] = work.pop(name, 0.0) / particles
        return {**metrics, **work}

    def closing_lines(self, metrics: dict[str, Any]) -> list[str]:
        """Energy and momentum."""
        rate = metrics["particles_per_second"] or math.nan
        return [
            f"{rate:.3g} particles/s; energy error {metrics['energy_error']:+.2e}, "
            f"largest {metrics['energy_error_max']:.2e}",
            f"momentum error {metrics['momentum_error']:.1e} of the sum of m|v|",
        ]

    def _is_finite_everywhere(self) -> bool:
        xp, state = self.backend.xp, self.state
        mine = self.is_finite() and bool(xp.isfinite(xp.sum(state["acceleration"], dtype=xp.float64)))
        return self.communicator.agree(0 if mine else 1) == 0

    def _on_host(self) -> State:
        """The state in host memory, without derived arrays that belong to an earlier moment."""
        derived = {name for field in self.program.system.fields for name in (*field.writes, *field.optional)}
        names = [name for name in self.state.names() if name not in derived or self.state.is_valid(name)]
        arrays = {name: self.backend.host(self.state[name]) for name in names}
        return State(arrays, time=self.state.time, step=self.state.step)
