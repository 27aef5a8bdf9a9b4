"""A run of a plasma, as the driver sees it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from hpcphys.compiler import State
from hpcphys.compiler.program import OperationError
from hpcphys.io.blocks import Block
from hpcphys.kernels import KernelError
from hpcphys.physics.plasma.particles import ParticleError
from hpcphys.run.checkpoint import Checkpoint
from hpcphys.run.errors import RunError
from hpcphys.run.kind import Simulation
from hpcphys.run.plasmas import assembly
from hpcphys.run.plasmas.declaration import declaration_of
from hpcphys.run.plasmas.histograms import FurtherSeries
from hpcphys.run.plasmas.job import PlasmaJob
from hpcphys.run.plasmas.rules import warnings
from hpcphys.run.plasmas.saving import further_blocks, restore_layers, restore_particles
from hpcphys.run.plasmas.snapshots import PATTERN, write_snapshot
from hpcphys.run.plasmas.watch import PlasmaWatch


class PlasmaSimulation(Simulation):
    """Species of macro-particles and their fields, in blocks on the ranks, and the program that moves them.

    checkpoint: that is being resumed, or None;  log: where warnings go
    """

    snapshot_pattern: ClassVar[str] = PATTERN

    def __init__(
        self,
        job: PlasmaJob,
        backend: Any,
        communicator: Any,
        timers: Any,
        log: Any,
        checkpoint: Checkpoint | None,
    ) -> None:
        self.job, self.backend, self.communicator, self.log = job, backend, communicator, log
        declaration = declaration_of(job)
        self.parts = assembly.parts_of(job, declaration, backend, communicator)
        memory = checkpoint.memory if checkpoint is not None else {}
        self.watch = PlasmaWatch(job, self.parts, communicator, memory.get("watch"))
        self.series = FurtherSeries(job, self.parts, communicator, memory.get("ranges"))
        if checkpoint is None:
            assembly.fill(job, self.parts, communicator)
            self.watch.memory["background"] = assembly.begin_fields(job, self.parts, communicator)
            self.series.begin()
            state = assembly.state_of(self.parts)
        else:
            state = self._restored(checkpoint)
        self.program = assembly.program_of(job, self.parts, state, timers)

    @property
    def state(self) -> State:
        """The state that the program moves."""
        return self.program.state

    @property
    def takes_many_steps(self) -> bool:
        """One rank alone does many steps in a call; several look at each other after every step."""
        return self.communicator.size == 1

    @property
    def placement(self) -> dict[str, tuple[tuple[int, ...], tuple[int, ...]]]:
        """Fields are boxes of the whole grid."""
        blocks, found = self.parts.blocks, {}
        whole = tuple(n + (not p) for n, p in zip(blocks.shape, blocks.periodic, strict=True))
        for name in self.state.names():
            lead = self.state[name].shape[: self.state[name].ndim - len(whole)]
            found[name] = ((0,) * len(lead) + tuple(blocks.start), (*lead, *whole))
        return found

    @property
    def memory(self) -> dict[str, Any]:
        """References of what is conserved, the background, ranges of histograms."""
        return {"watch": self.watch.remembered(), "ranges": self.series.memory}

    def further_blocks(self) -> dict[str, Block]:
        """The particles of all species, and what the fields keep besides E and B."""
        return further_blocks(self.parts, self.communicator)

    def headline(self) -> str:
        """The grid, the particles and the solver."""
        grid = " x ".join(map(str, self.job.grid.cells))
        count = sum(self.watch.parts.species[name].count for name in self.parts.species)
        total = int(self.communicator.allreduce(count, "sum"))
        species = ", ".join(self.parts.species)
        return (
            f"plasma of {total:,} macro-particles ({species}) on {grid} cells, {self.job.fields.solver}, "
            f"{self.job.particles.shape} shapes, {self.job.particles.precision} precision"
        )

    def start(self, resumed: bool) -> None:
        """Momenta of a leapfrog half a step back, warnings about what the grid does not resolve."""
        self.program.prepare(() if self.parts.is_electromagnetic else ("E",))
        if resumed:
            return
        for line in warnings(self.job, self.parts.declaration):
            self.log.warning(line)
        if lag := assembly.momentum_lag(self.job):
            self.parts.kick(-lag, self.state.time)
        if self.communicator.agree(0 if self.is_finite() else 1):
            self.raise_not_finite()

    def advance(self, steps: int, diagnosed: bool) -> None:
        """The steps, each completed, and the count of the particles after each."""
        for _ in range(steps):
            try:
                self.program.step()
            except OperationError as error:
                if isinstance(error.__cause__, KernelError):
                    raise
                if isinstance(error.__cause__, (ParticleError, ValueError)):
                    raise RunError(f"{error}.  No checkpoint of this state is written") from error
                raise
            if self.job.limits.lost and (reason := self.watch.lost()):
                raise RunError(
                    f"{reason}, after step {self.state.step}.  No checkpoint of this state is written"
                )
            if steps > 1 and not self.is_finite():
                return
        if diagnosed and not self.parts.is_electromagnetic:
            self.program.prepare(("E",))

    def is_finite(self) -> bool:
        """Whether E of this rank is finite: a particle that is not spoils it within a step."""
        xp = self.backend.xp
        return bool(xp.isfinite(xp.sum(self.parts.field.E)))

    def raise_not_finite(self) -> None:
        """Raise RunError that names the first bad particle or point, the rank and the piece."""
        for rank, found in enumerate(self.communicator.allgather(self._first_bad())):
            if found:
                where = f" on rank {rank}" if self.communicator.size > 1 else ""
                raise RunError(
                    f"{found}{where}, after step {self.state.step} at time {self.state.time:g}.  No "
                    "checkpoint of this state is written.  Use a shorter step"
                )
        raise RunError(f"the fields overflow after step {self.state.step} at time {self.state.time:g}")

    def row(self) -> dict[str, Any]:
        """Energies by component and species, momenta, counts, charge residual, modes."""
        return self.watch.row(self.state)

    def check(self, row: dict[str, Any]) -> None:
        """Raise RunError when energy or charge residual are beyond [limits]."""
        if reason := self.watch.failure(row, self.job.limits, self.state.step, self.state.time):
            raise RunError(f"{reason}.  No checkpoint of this state is written")

    def note(self, row: dict[str, Any]) -> str:
        """The error of the energy."""
        return f"dE/E {row['energy_error']:+.1e}" if row else ""

    def further_series(self) -> dict[str, dict[str, Any]]:
        """phase_space.h5 and lines.h5, where the job asks for them."""
        return self.series.attributes()

    def further_rows(self) -> dict[str, dict[str, Any]]:
        """Histograms and lines that are due."""
        return self.series.rows(self.state.step)

    def write_snapshot(self, path: Path, job_text: str) -> None:
        """Fields, moments and particles as openPMD."""
        write_snapshot(path, self.job, self.parts, self.communicator, self.state, job_text)

    def metrics(self, row: dict[str, Any], steps: int, seconds: float) -> dict[str, Any]:
        """Errors, energies, counts, memory and rate."""
        memory = self.watch.memory
        count = sum(row[f"particles_{name}"] for name in self.parts.species)
        held = sum(each.bytes for each in self.parts.species.values())
        held = int(self.communicator.allreduce(held, "sum"))
        found: dict[str, Any] = {"energy": row["energy"], "particles": count}
        if self.watch.is_closed:
            found["energy_error_max"] = memory["energy_error"]
        if "charge_residual" in row:
            found["charge_residual_max"] = memory["charge_residual"]
        rate = steps / seconds if seconds > 0 else None
        return {
            **found,
            "bytes_per_particle": held / max(count, 1),
            "steps_per_second": rate,
            "particle_steps_per_second": rate * count if rate else None,
        }

    def closing_lines(self, metrics: dict[str, Any]) -> list[str]:
        """Rate, errors, and what the job is made for."""
        rate = metrics["particle_steps_per_second"]
        lines = [f"{rate:.3g} steps of a particle per second"] if rate else []
        words = [
            f"{name.removesuffix('_max').replace('_', ' ')} {value:.1e}"
            for name, value in metrics.items()
            if name.endswith("_max")
        ]
        lines += [", ".join(words)] if words else []
        for name, found in metrics.get("measured", {}).items():
            error = f", {100 * found['error']:+.3g} % of {found['exact']:.6g}" if "error" in found else ""
            lines.append(f"{name.replace('_', ' ')} {found['value']:.6g}{error}" if "value" in found
                         else f"{name.replace('_', ' ')}: {found['problem']}")  # fmt: skip
        return lines

    def finish(self) -> None:
        """E of the last charges."""
        self.program.prepare(() if self.parts.is_electromagnetic else ("E",))

    def _restored(self, checkpoint: Checkpoint) -> State:
        state = assembly.state_of(self.parts)
        blocks = self.parts.blocks
        for name in state.names():
            array = state[name]
            lead = (0,) * (array.ndim - len(blocks.shape))
            stored = checkpoint.block(name, (*lead, *blocks.start), array.shape)
            array[...] = self.backend.array(stored)
        if self.parts.is_electromagnetic:
            self.parts.field.fill_E()
            self.parts.field.fill_B()
        if not restore_layers(checkpoint, self.parts, self.communicator):
            self.log.warning("absorbing layers begin empty: the checkpoint is of another number of ranks")
        restore_particles(checkpoint, self.parts, self.communicator)
        state.time, state.step = checkpoint.time, checkpoint.step
        state.scalars.update(checkpoint.scalars)
        state.invalidate()
        return state

    def _first_bad(self) -> str:
        for name, particles in self.parts.species.items():
            for rows in particles.chunks():
                bad = ~np.isfinite(rows["momentum"]).all(axis=1) | ~np.isfinite(rows["position"]).all(axis=1)
                if bad.any():
                    row = int(np.argmax(bad))
                    place, u = rows["position"][row].tolist(), rows["momentum"][row].tolist()
                    return f"a particle of {name} at {place} has u = {u}; it was moved by particles"
        field = self.backend.host(self.parts.field.E)
        bad_points = np.argwhere(~np.isfinite(field))
        if not len(bad_points):
            return ""
        component, *cell = (int(n) for n in bad_points[0])
        at = [i - self.parts.blocks.guards + s for i, s in zip(cell, self.parts.blocks.start, strict=True)]
        return f"E_{'xyz'[component]} in cell {at} is {field[tuple(bad_points[0])]}; it was written by ampere"
