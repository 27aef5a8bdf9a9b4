"""The kind "liquid": its schema, its rules, its simulations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hpcphys.run.kind import Broken, Kind
from hpcphys.run.liquids.job import LiquidJob
from hpcphys.run.units import UnitSystem


class LiquidKind(Kind):
    """Atoms and rigid molecules with forces of a short range, in an ensemble, in a box.  Numbers are in the
    units that `[units]` names: reduced ones unless it says otherwise."""

    name = "liquid"
    rows = "atoms"
    job = LiquidJob

    def unit_system(self, content: dict[str, Any]) -> UnitSystem | None:
        """What [units] says, with the unit of time that follows; reduced units have none."""
        from hpcphys.run.liquids.units import unit_system

        return unit_system(content.get("units"))

    def normalised(self, tables: dict[str, Any], folder: Path) -> None:
        """Input files' paths start at the job's folder; cutoff and buffer that follow are filled in."""
        from hpcphys.run.liquids.defaults import normalised

        normalised(tables, folder)

    def broken_rules(self, tables: dict[str, Any], files_needed: bool) -> list[Broken]:
        """Rules between box, start, potential, ensemble, integrator and observables."""
        from hpcphys.run.liquids.rules import broken_rules

        return broken_rules(tables, files_needed)

    def simulation(self, job: LiquidJob, backend, communicator, timers, log, checkpoint):
        """The atoms as [initial] says or as the checkpoint has them, with their program."""
        from hpcphys.run.liquids.simulation import LiquidSimulation

        return LiquidSimulation(job, backend, communicator, timers, log, checkpoint)

    def estimate(self, job: LiquidJob, ranks: int) -> list[str]:
        """Atoms, box, memory, steps, cost, disk, and what the ensemble samples."""
        from hpcphys.run.liquids.estimate import estimate

        return estimate(job, ranks)

    def trial(self, job: LiquidJob) -> list[str]:
        """Energy of the start and rate of steps on this machine."""
        from hpcphys.run.liquids.trial import measured_rate

        return measured_rate(job)

    def explanation(self, job: LiquidJob) -> str:
        """Equations, potential, ensemble, splitting, program, what is conserved, cost."""
        from hpcphys.run.liquids.explain import explanation

        return explanation(job)

    def plot(self, folder: Path, movie: bool) -> list[Path]:
        """Thermo, conserved quantity, g(r), displacement, correlations, structure factor, viscosity."""
        from hpcphys.report.liquids import plot_liquid

        return plot_liquid(folder, movie)


KIND = LiquidKind()
