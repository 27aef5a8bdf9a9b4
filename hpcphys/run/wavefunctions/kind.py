"""The kind "wavefunction": its schema, its rules, its simulations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hpcphys.run.kind import Broken, Kind
from hpcphys.run.units import ATOMIC, UnitSystem
from hpcphys.run.wavefunctions.job import WaveJob


class WavefunctionKind(Kind):
    """One wavefunction on a periodic grid of one to three axes, with ħ = 1 and the norm 1: Schrödinger's
    equation, with g the Gross-Pitaevskii equation, in real or imaginary time.  Units are the job's own;
    numbers like "2 angstrom" and "1 fs" make them atomic units."""

    name = "wavefunction"
    rows = "rows"
    job = WaveJob

    def unit_system(self, content: dict[str, Any]) -> UnitSystem:
        """Atomic units, which have ħ = 1 and the mass of the electron 1."""
        return ATOMIC

    def normalised(self, tables: dict[str, Any], folder: Path) -> None:
        """Input files' paths start at the job's folder."""
        initial, observables = tables.get("initial"), tables.get("observables")
        if getattr(initial, "model", "") == "file":
            tables["initial"] = _placed(initial, folder)
        reference = getattr(observables, "reference", None)
        if getattr(reference, "model", "") == "file":
            update = {"reference": _placed(reference, folder)}
            tables["observables"] = observables.model_copy(update=update)

    def broken_rules(self, tables: dict[str, Any], files_needed: bool) -> list[Broken]:
        """Everything that is wrong with grid, expressions, packet, integrator and limits."""
        from hpcphys.run.wavefunctions.rules import broken_rules

        return broken_rules(tables, files_needed)

    def simulation(self, job: WaveJob, backend, communicator, timers, log, checkpoint):
        """The wavefunction as [initial] says or as the checkpoint has it, with its program."""
        from hpcphys.run.wavefunctions.simulation import WaveSimulation

        return WaveSimulation(job, backend, communicator, timers, log, checkpoint)

    def results(self, job: WaveJob, folder: Path) -> dict[str, Any]:
        """The lines of the spectrum, where the job keeps the autocorrelation."""
        from hpcphys.run.wavefunctions.results import results

        return results(job, folder)

    def estimate(self, job: WaveJob, ranks: int) -> list[str]:
        """Memory, steps, disk, and what is slow or coarse."""
        from hpcphys.run.wavefunctions.estimate import estimate

        return estimate(job, ranks)

    def trial(self, job: WaveJob) -> list[str]:
        """The time of steps on this machine, and what the run will take."""
        from hpcphys.run.wavefunctions.estimate import measured_rate

        return measured_rate(job)

    def explanation(self, job: WaveJob) -> str:
        """Equation, splitting, program, what is conserved and what moves between ranks."""
        from hpcphys.run.wavefunctions.explain import explanation

        return explanation(job)

    def plot(self, folder: Path, movie: bool) -> list[Path]:
        """Densities, carpets, means, errors, transmission, spectrum."""
        from hpcphys.report.wavefunctions import plot_wavefunction

        return plot_wavefunction(folder, movie)


def _placed(table: Any, folder: Path) -> Any:
    return table.model_copy(update={"path": str((folder / table.path).resolve())})


KIND = WavefunctionKind()
