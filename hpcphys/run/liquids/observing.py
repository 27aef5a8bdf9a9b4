"""The observables of a run: when each is sampled, what it comes to, and what a checkpoint keeps of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np

from hpcphys.io.blocks import Block
from hpcphys.physics import observables
from hpcphys.run.liquids.averages import Averages
from hpcphys.run.liquids.job import LiquidJob
from hpcphys.run.liquids.thermo import Moment

PREFIX = "observables/"

FIXED_BOX, MOVING_BOX = 0.49, 0.42
"""Of the smallest width at the start: how far g(r) reaches, if the job does not say; a box may shrink."""


@dataclass(frozen=True)
class Watched:
    """An observable with its interval in steps.  sample: given the state and the moment (None unless
    `needs_moment`)"""

    every: int
    observable: Any
    sample: Callable[[Any, Moment | None], None]
    needs_moment: bool = False


class Observing:
    """All observables of a job; every method is collective.

    system: of the liquid;  box: at the start
    Sampled are the steps first, first + every, … with first the step at which [observables] begin is reached.
    """

    def __init__(self, job: LiquidJob, system: Any, box: Any, backend: Any, communicator: Any):
        self.job, self.communicator, self.periodic = job, communicator, box.periodic
        self.step = job.time.step
        self.first = ceil(job.observables.begin / self.step * (1.0 - 1e-12))
        self.watched: dict[str, Watched] = {}
        given, setting = job.observables, system.setting
        every = given.every or job.output.diagnostics_every
        self.averages = Averages(setting.atoms, every * self.step)
        self.watched["averages"] = Watched(
            every, self.averages.blocks, lambda state, moment: self.averages.sample(moment), True
        )
        types, exact = len(job.types.masses), job.run.reproducible
        if given.rdf is not None:
            share = MOVING_BOX if system.ensemble.scales_box else FIXED_BOX
            largest = given.rdf.largest or share * float(box.widths.min())
            rdf = observables.RadialDistribution(
                backend, communicator, largest=largest, bins=given.rdf.bins, types=types
            )
            self._add("rdf", given.rdf.every, rdf, lambda state, box: rdf.sample(state, box))
        if given.structure_factor is not None:
            waves = given.structure_factor
            factor = observables.StructureFactor(
                backend,
                communicator,
                box,
                k_max=waves.k_max,
                shells=waves.shells,
                types=types,
                most=waves.most,
            )
            self._add("structure_factor", waves.every, factor, lambda state, box: factor.sample(state, box))
        if given.msd is not None:
            table = given.msd
            msd = observables.MeanSquareDisplacement(
                communicator, table.every * self.step, lags=observables.Lags(table.points, table.levels),
                types=types, remove_drift=not system.ensemble.keeps_momentum, reproducible=exact,
            )  # fmt: skip
            self._add("msd", table.every, msd, lambda state, box: msd.sample(state, box))
        if given.vacf is not None:
            vacf = observables.VelocityAutocorrelation(
                communicator, given.vacf.every * self.step, lags=observables.Lags(given.vacf.points, 1),
                types=types, reproducible=exact,
            )  # fmt: skip
            self._add("vacf", given.vacf.every, vacf, lambda state, box: vacf.sample(state))
        if given.viscosity is not None:
            # In units of V/(k_B T): temperature and volume are put in when they have been measured.
            viscosity = observables.Viscosity(given.viscosity.every * self.step, 1.0, 1.0)
            self.watched["viscosity"] = Watched(
                given.viscosity.every,
                viscosity,
                lambda state, moment: viscosity.sample(moment.pressure),
                True,
            )
        if given.heat_capacity is not None:
            ensemble = "nve" if job.ensemble.model == "nve" else "nvt"
            capacity = observables.HeatCapacity(ensemble, setting.degrees, setting.boltzmann)
            self.watched["heat_capacity"] = Watched(
                given.heat_capacity.every,
                capacity,
                lambda state, moment: capacity.sample(moment.kinetic, moment.energy),
                True,
            )

    def _add(self, name: str, every: int, observable: Any, sample: Callable[[Any, Any], None]) -> None:
        """An observable of positions or velocities in the state's present box."""
        periodic = self.periodic

        def in_box(state: Any, moment: Moment | None) -> None:
            from hpcphys.decomposition.cells.box import Box

            sample(state, Box.from_scalars(state, periodic))

        self.watched[name] = Watched(every, observable, in_box)

    def due(self, step: int) -> list[str]:
        """Names of the observables that are sampled after this step."""
        if step < self.first:
            return []
        return [name for name, seen in self.watched.items() if (step - self.first) % seen.every == 0]

    def next_step(self, step: int) -> int:
        """The first step after `step` at which something is due."""
        if step < self.first:
            return self.first
        return min(step + seen.every - (step - self.first) % seen.every for seen in self.watched.values())

    def needs_moment(self, names: list[str]) -> bool:
        """Whether one of these asks for energies and pressure."""
        return any(self.watched[name].needs_moment for name in names)

    def sample(self, names: list[str], state: Any, moment: Moment | None) -> None:
        """One sample of each of these."""
        for name in names:
            self.watched[name].sample(state, moment)

    # -- what a checkpoint keeps -------------------------------------------------------------------

    @property
    def memory(self) -> dict[str, Any]:
        """What JSON can hold."""
        found: dict[str, Any] = {}
        for name, seen in self.watched.items():
            saved = seen.observable.saved()
            found[name] = {
                "numbers": dict(saved.numbers), "arrays": sorted(saved.arrays), "rows": sorted(saved.rows),
            }  # fmt: skip
        return found

    def blocks(self) -> dict[str, Block]:
        """Arrays, which rank 0 writes, and rows of all ranks."""
        found: dict[str, Block] = {}
        for name, seen in self.watched.items():
            saved = seen.observable.saved()
            for key, array in saved.arrays.items():
                array = np.atleast_1d(np.asarray(array))
                own = array if self.communicator.rank == 0 else array[:0]
                found[f"{PREFIX}{name}/{key}"] = Block.rows(own, 0 if own.size else len(array), len(array))
            for key, rows in saved.rows.items():
                rows = np.asarray(rows)
                first = self.communicator.exscan(len(rows))
                total = int(self.communicator.allreduce(len(rows)))
                found[f"{PREFIX}{name}/{key}"] = Block.rows(rows, first, total)
        return found

    def restore(self, checkpoint: Any, memory: dict[str, Any]) -> None:
        """Go on from what a checkpoint keeps, on any number of ranks."""
        from hpcphys.io.rows import even_rows

        for name, kept in memory.items():
            if name not in self.watched:
                continue

            def part(key: str, shared: bool, name: str = name) -> np.ndarray:
                full = f"{PREFIX}{name}/{key}"
                shape = checkpoint.fields[full]
                rank, size = (0, 1) if shared else (self.communicator.rank, self.communicator.size)
                first, last = even_rows(shape[0], rank, size)
                return checkpoint.block(full, (first, *(0,) * (len(shape) - 1)), (last - first, *shape[1:]))

            arrays = {key: part(key, True) for key in kept["arrays"]}
            rows = {key: part(key, False) for key in kept["rows"]}
            observable = self.watched[name].observable
            template = observable.saved().arrays
            arrays = {key: array.reshape(np.shape(template[key])) for key, array in arrays.items()}
            observable.restore(observables.Saved(kept["numbers"], arrays, rows))
