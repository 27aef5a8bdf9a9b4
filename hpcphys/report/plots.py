"""From the output folder of a run to its figures."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from hpcphys.io.galaxy_units import GYR_PER_KPC_PER_KM_S, GalaxyUnits
from hpcphys.io.rows import DataFileError
from hpcphys.io.series import read_series
from hpcphys.report.projection import visible_particles

PANELS = 4  # snapshots side by side in the picture of projected density


def plot_run(directory: str | Path, movie: bool = False) -> list[Path]:
    """Draw what a person would want to see of a run; the figures stand in the run's own folder.

    directory: output folder with diagnostics.h5 and, perhaps, snapshots (snapshot*.hdf5) and job.used.toml
    movie: also make movie.gif from all snapshots, and movie.mp4 where ffmpeg is installed
    Writes energy, lagrangian_radii, density_profile, momentum and projected_density .png, where
    their data is there.
    Returns the paths written.  Raises DataFileError when the folder has neither diagnostics nor snapshots, or
    a file is damaged.
    """
    import matplotlib

    from hpcphys.report import figures

    directory = Path(directory)
    job = used_job(directory)
    scales = drawing_scales(job)
    series_path = directory / "diagnostics.h5"
    snapshots = sorted(directory.glob("snapshot*.hdf5"))
    if not series_path.exists() and not snapshots:
        raise DataFileError(
            f"{directory}: holds no diagnostics.h5 and no snapshot*.hdf5; is it a run's output folder?"
        )
    written: list[Path] = []
    with matplotlib.rc_context(figures.STYLE):
        if series_path.exists():
            series = read_series(series_path)
            softening = float(job.get("gravity", {}).get("softening", 0.0))
            drawings: dict[str, tuple[tuple[str, ...], Callable[..., Any]]] = {
                "energy": (("energy", "kinetic", "potential"), figures.energy_figure),
                "lagrangian_radii": (("lagrangian_radii", "virial_ratio"), figures.lagrangian_figure),
                "density_profile": (
                    ("profile_density", "profile_radius"),
                    partial(figures.profile_figure, softening=softening, analytic=_initial_density(job)),
                ),
                "momentum": (
                    ("momentum", "angular_momentum", "momentum_scale", "lagrangian_radii"),
                    figures.momentum_figure,
                ),
            }
            for name, (needed, draw) in drawings.items():
                if all(column in series and len(series[column]) for column in ("time", *needed)):
                    written.append(save_figure(draw(series, scales), directory / f"{name}.png"))
        if snapshots:
            shown = [visible_particles(path) for path in _spread(snapshots, PANELS)]
            written.append(
                save_figure(figures.projection_figure(shown, scales), directory / "projected_density.png")
            )
    if movie and snapshots:
        from hpcphys.report.movie import write_movie

        written += write_movie(directory, [visible_particles(path) for path in snapshots], scales)
    return written


def drawing_scales(job: dict[str, Any]):
    """Job units where the job names no others; kpc, 10¹⁰ M☉ and Gyr where its [units] table does."""
    from hpcphys.report.figures import Scales

    table = job.get("units", {})
    units = GalaxyUnits(
        length_kpc=float(table.get("length_kpc", 1.0)),
        mass_1e10_msun=float(table.get("mass_1e10_msun", 1.0)),
        G=float(job.get("gravity", {}).get("G", 1.0)),
    )
    length, mass, time = units.length_kpc, units.mass_1e10_msun, units.time_kpc_per_km_s
    if (length, mass) == (1.0, 1.0):
        return Scales(time=1.0, length=1.0, density=1.0, kpc=1.0, surface=1.0, snapshot_time=1.0 / time)
    gyr = GYR_PER_KPC_PER_KM_S
    return Scales(
        time * gyr, length, mass / length**3, 1.0, 1.0, gyr,
        "Gyr", "kpc", "10¹⁰ M☉ kpc⁻³", "10¹⁰ M☉ kpc⁻²",
    )  # fmt: skip


def used_job(directory: Path) -> dict[str, Any]:
    """Tables of job.used.toml; empty when there is none."""
    path = directory / "job.used.toml"
    if not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as problem:
        raise DataFileError(f"{path}: is not valid TOML ({problem})") from problem


def _initial_density(job: dict[str, Any]):
    """Density of the initial model as a function of radius, or None."""
    import numpy as np

    from hpcphys.initial.profiles import analytic_density

    initial = job.get("initial", {})
    model = str(initial.get("model", ""))
    if analytic_density(model, np.ones(1), initial) is None:
        return None
    return lambda radius: analytic_density(model, radius, initial)


def _spread(paths: list[Path], count: int) -> list[Path]:
    """At most `count` of the paths, first and last among them, closer together early, when most happens."""
    last = len(paths) - 1
    return [paths[i] for i in sorted({round(last * (index / (count - 1)) ** 2) for index in range(count)})]


def run_output(folder: Path, snapshots: list[Path], pattern: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Tables of job.used.toml and the series of diagnostics.h5, each empty where there is none.

    snapshots: those that were found;  pattern: what they are called, for the message
    Raises DataFileError where there are neither diagnostics nor snapshots, or a file is damaged.
    """
    job, diagnostics = used_job(folder), folder / "diagnostics.h5"
    if not diagnostics.exists() and not snapshots:
        raise DataFileError(f"{folder}: holds no diagnostics.h5 and no {pattern}; is it a run's output?")
    return job, read_series(diagnostics) if diagnostics.exists() else {}


def save_drawings(drawings: dict[str, Callable[[Any], Any]], run: Any) -> list[Path]:
    """Write name.png into run.folder for each drawing that makes a figure of the run; the paths written."""
    figures = ((name, draw(run)) for name, draw in drawings.items())
    return [save_figure(figure, run.folder / f"{name}.png") for name, figure in figures if figure is not None]


def save_figure(figure, path: Path) -> Path:
    """Write the figure under its final name in one step."""
    temporary = path.with_name(f".{path.stem}.partial{path.suffix}")
    figure.savefig(temporary)
    temporary.replace(path)
    return path
