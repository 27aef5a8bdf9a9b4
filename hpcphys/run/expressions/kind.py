"""The kind "hamiltonian": its schema, its rules, its simulations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hpcphys.run.expressions.job import HamiltonianJob
from hpcphys.run.kind import Broken, Kind


class HamiltonianKind(Kind):
    """A batch of independent systems dz/dt = J(z) grad H(z), stated as expressions in variables that the job
    names, or taken from the zoo by name.  Units are the job's own."""

    name = "hamiltonian"
    rows = "systems"
    job = HamiltonianJob

    def broken_rules(self, tables: dict[str, Any], files_needed: bool) -> list[Broken]:
        """Rules of [time] and [limits], and everything that is wrong with the expressions."""
        from hpcphys.run.expressions.rules import broken_rules

        return broken_rules(tables)

    def simulation(self, job: HamiltonianJob, backend, communicator, timers, log, checkpoint):
        """The systems as [initial] says or as the checkpoint has them, with their program."""
        from hpcphys.run.expressions.assembly import declaration_of
        from hpcphys.run.expressions.simulation import HamiltonianSimulation

        return HamiltonianSimulation(job, declaration_of(job), backend, communicator, timers, checkpoint)

    def results(self, job: HamiltonianJob, folder: Path) -> dict[str, Any]:
        """What the system's runs are made for, from the series, and conservation against theory."""
        from hpcphys.run.expressions.results import results

        return results(job, folder)

    def estimate(self, job: HamiltonianJob, ranks: int) -> list[str]:
        """Memory and steps."""
        from hpcphys.run.expressions.estimate import estimate

        return estimate(job, ranks)

    def trial(self, job: HamiltonianJob) -> list[str]:
        """The rate of native steps on this machine, and what the run will take."""
        from hpcphys.run.expressions.estimate import measured_rate

        return measured_rate(job)

    def explanation(self, job: HamiltonianJob) -> str:
        """Equations, structure, splitting, conservation, program and kernel."""
        from hpcphys.run.expressions.explain import explanation

        return explanation(job)

    def plot(self, folder: Path, movie: bool) -> list[Path]:
        """Errors against time, trajectory, and the figure of the system."""
        from hpcphys.report.systems import plot_systems

        return plot_systems(folder)


KIND = HamiltonianKind()
