"""The kind "fluid": its schema, its rules, its simulations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hpcphys.run.fluids.job import FluidJob
from hpcphys.run.kind import Broken, Kind


class FluidKind(Kind):
    """Two-dimensional flows on the periodic square, in vorticity form.  Lengths and times are the job's own;
    energies are per unit of mass."""

    name = "fluid"
    rows = "columns"
    job = FluidJob

    def normalised(self, tables: dict[str, Any], folder: Path) -> None:
        """The input file's path starts at the job's folder."""
        initial = tables.get("initial")
        if initial is not None and initial.model == "file":
            tables["initial"] = initial.model_copy(update={"path": str((folder / initial.path).resolve())})

    def broken_rules(self, tables: dict[str, Any], files_needed: bool) -> list[Broken]:
        """Rules between keys of [grid], [fluid], [forcing], [time], [diagnostics], and the expression."""
        from hpcphys.run.fluids.rules import broken_rules

        return broken_rules(tables, files_needed)

    def simulation(self, job: FluidJob, backend, communicator, timers, log, checkpoint):
        """The flow as [initial] says or as the checkpoint has it, with its program."""
        from hpcphys.run.fluids.pseudospectral import PseudospectralSimulation
        from hpcphys.run.fluids.zeitlin import ZeitlinSimulation

        simulation = ZeitlinSimulation if job.fluid.model == "zeitlin" else PseudospectralSimulation
        return simulation(job, backend, communicator, timers, log, checkpoint)

    def results(self, job: FluidJob, folder: Path) -> dict[str, Any]:
        """Slope, flux and Kolmogorov's constant in the job's window, from the averaged spectra."""
        from hpcphys.run.fluids.results import results

        return results(job, folder)

    def estimate(self, job: FluidJob, ranks: int) -> list[str]:
        """Memory, steps, traffic, disk."""
        from hpcphys.run.fluids.estimate import estimate

        return estimate(job, ranks)

    def trial(self, job: FluidJob) -> list[str]:
        """Courant number of the start, rate of steps on this machine, and what the run takes."""
        from hpcphys.run.fluids.estimate import measured_rate

        return measured_rate(job)

    def explanation(self, job: FluidJob) -> str:
        """Equations, formulation, truncation, program, what is conserved, cost."""
        from hpcphys.run.fluids.explain import explanation

        return explanation(job)

    def plot(self, folder: Path, movie: bool) -> list[Path]:
        """Vorticity, spectra, fluxes, budgets, Casimirs, and a movie of the snapshots."""
        from hpcphys.report.fluids import plot_flow

        return plot_flow(folder, movie=movie)


KIND = FluidKind()
