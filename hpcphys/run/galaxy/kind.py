"""The kind "gravity": its schema, its rules, its simulations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hpcphys.io.galaxy_units import GalaxyUnits
from hpcphys.run.galaxy.job import GravityJob
from hpcphys.run.galaxy.rules import broken_rules
from hpcphys.run.kind import Broken, Kind
from hpcphys.run.units import UnitSystem


class GravityKind(Kind):
    """Self-gravitating particles.  Lengths, masses and times are in the job's own units, with G = 1 unless
    `[gravity] G` says otherwise; `[units]` says what they are for numbers like "5 kpc" and "2 Gyr"."""

    name = "gravity"
    rows = "particles"
    job = GravityJob

    def unit_system(self, content: dict[str, Any]) -> UnitSystem | None:
        """What [units] and [gravity] G say; time follows from them."""
        given = {**{"length_kpc": 1.0, "mass_1e10_msun": 1.0}, **content.get("units", {})}
        numbers = (given["length_kpc"], given["mass_1e10_msun"], content.get("gravity", {}).get("G", 1.0))
        if not all(isinstance(value, int | float) and value > 0 for value in numbers):
            return None
        units = GalaxyUnits(*map(float, numbers))
        return UnitSystem(
            length=f"{units.length_kpc!r} kpc",
            mass=f"{1e10 * units.mass_1e10_msun!r} Msun",
            time=f"{units.time_kpc_per_km_s!r} kpc / (km/s)",
        )

    def normalised(self, tables: dict[str, Any], folder: Path) -> None:
        """The input file's path starts at the job's folder; without a softening kernel, nothing is
        softened."""
        initial, gravity = tables.get("initial"), tables.get("gravity")
        if initial is not None and getattr(initial, "path", None):
            path = str((folder / initial.path).resolve())
            tables["initial"] = initial.model_copy(update={"path": path})
        if (
            gravity is not None
            and gravity.softening_kernel == "none"
            and "softening" not in gravity.model_fields_set
        ):
            tables["gravity"] = gravity.model_copy(update={"softening": 0.0})

    def broken_rules(self, tables: dict[str, Any], files_needed: bool) -> list[Broken]:
        """Rules between keys of [time], [gravity] and [initial]."""
        return broken_rules(tables, files_needed)

    def simulation(self, job: GravityJob, backend, communicator, timers, log, checkpoint):
        """Particles of the model, the file or the checkpoint, with their program."""
        from hpcphys.run.galaxy import assembly
        from hpcphys.run.galaxy.simulation import GravitySimulation

        if checkpoint is None:
            arrays, begin = assembly.initial_arrays(job, communicator)
            state = assembly.state_on(backend, arrays, time=begin)
            memory = None
        else:
            rest = {"time": checkpoint.time, "step": checkpoint.step, "scalars": checkpoint.scalars}
            state = assembly.state_on(backend, checkpoint.arrays, **rest)
            memory = checkpoint.memory
        return GravitySimulation(job, state, backend, communicator, timers, log, memory)

    def estimate(self, job: GravityJob, ranks: int) -> list[str]:
        """Memory, steps, cost and disk."""
        from hpcphys.run.galaxy.estimate import estimate

        return estimate(job, ranks)

    def trial(self, job: GravityJob) -> list[str]:
        """Rate and error of one force evaluation."""
        from hpcphys.run.galaxy.trial import measured_force

        return measured_force(job)

    def explanation(self, job: GravityJob) -> str:
        """Equations, splitting, program and kernels."""
        from hpcphys.run.galaxy.explain import explanation

        return explanation(job)

    def plot(self, folder: Path, movie: bool) -> list[Path]:
        """Energies, momenta, radii, profile and projected density."""
        from hpcphys.report.plots import plot_run

        return plot_run(folder, movie=movie)


KIND = GravityKind()
