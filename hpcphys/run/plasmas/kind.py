"""The kind "plasma": its schema, its rules, its simulations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hpcphys.run.kind import Broken, Kind
from hpcphys.run.plasmas.job import PlasmaJob
from hpcphys.run.plasmas.units import unit_system
from hpcphys.run.units import UnitSystem


class PlasmaKind(Kind):
    """Macro-particles in one to three dimensions and the fields that they make, electromagnetic or
    electrostatic.  Units are plasma units or SI, see [units]."""

    name = "plasma"
    rows = "blocks"
    job = PlasmaJob

    def unit_system(self, content: dict[str, Any]) -> UnitSystem | None:
        """SI, or plasma units whose length the job states."""
        return unit_system(content.get("units"))

    def normalised(self, tables: dict[str, Any], folder: Path) -> None:
        """Input files' paths start at the job's folder; a step that is stated by cfl becomes a length."""
        from hpcphys.run.plasmas.rules import step_of

        species = tables.get("species")
        if species is not None:
            tables["species"] = {
                name: table if table.path is None
                else table.model_copy(update={"path": str((folder / table.path).resolve())})
                for name, table in species.items()
            }  # fmt: skip
        time = tables.get("time")
        if time is not None and time.cfl is not None and time.step is None and not time.adaptive:
            step = step_of(tables)
            if step is not None:
                tables["time"] = time.model_copy(update={"step": step, "cfl": None})

    def broken_rules(self, tables: dict[str, Any], files_needed: bool) -> list[Broken]:
        """Everything that is wrong with grid, steps, species, sides, diagnostics."""
        from hpcphys.run.plasmas.rules import broken_rules

        return broken_rules(tables, files_needed)

    def simulation(self, job: PlasmaJob, backend, communicator, timers, log, checkpoint):
        """The plasma as [species] says or as the checkpoint has it, with its program."""
        from hpcphys.run.plasmas.simulation import PlasmaSimulation

        return PlasmaSimulation(job, backend, communicator, timers, log, checkpoint)

    def results(self, job: PlasmaJob, folder: Path) -> dict[str, Any]:
        """What [measure] asks for, beside theory."""
        from hpcphys.run.plasmas.results import results

        return results(job, folder)

    def estimate(self, job: PlasmaJob, ranks: int) -> list[str]:
        """Particles, memory, steps, disk, and what the grid does not resolve."""
        from hpcphys.run.plasmas.estimate import estimate

        return estimate(job, ranks)

    def trial(self, job: PlasmaJob) -> list[str]:
        """The time of steps on this machine, and what the run will take."""
        from hpcphys.run.plasmas.estimate import measured_rate

        return measured_rate(job)

    def explanation(self, job: PlasmaJob) -> str:
        """Equations, methods, program, what is conserved and what moves between ranks."""
        from hpcphys.run.plasmas.explain import explanation

        return explanation(job)

    def plot(self, folder: Path, movie: bool) -> list[Path]:
        """Energies, modes, fields, phase space, spectra in k and ω, moments."""
        from hpcphys.report.plasmas import plot_plasma

        return plot_plasma(folder, movie)


KIND = PlasmaKind()
