"""From the output folder of a liquid to its figures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from hpcphys.io.rows import DataFileError, open_hdf5
from hpcphys.io.series import read_series
from hpcphys.io.summary import read_summary
from hpcphys.report.plots import save_figure, used_job

PANELS = ("temperature", "potential_energy", "total_energy", "pressure", "conserved_error")


def plot_liquid(folder: str | Path, movie: bool = False) -> list[Path]:
    """Draw thermo, ramp, rdf, structure_factor, displacement, velocity, viscosity .png, where data is there.

    folder: output folder with diagnostics.h5 and, perhaps, observables.h5;  movie: there is none of atoms;
    VMD, OVITO and MDAnalysis show the trajectory
    Returns the paths written.  Raises DataFileError when there is nothing to draw, or a file is damaged.
    """
    import matplotlib

    from hpcphys.report import figures

    folder = Path(folder)
    if not (folder / "diagnostics.h5").exists():
        raise DataFileError(f"{folder}: holds no diagnostics.h5; is it a run's output folder?")
    metrics = (read_summary(folder) or {}).get("metrics", {})
    written = []
    with matplotlib.rc_context(figures.STYLE):
        for name, figure in _figures(folder, used_job(folder), metrics):
            written.append(save_figure(figure, folder / f"{name}.png"))
    return written


def _figures(folder: Path, job: dict[str, Any], metrics: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Name and figure of everything there is data for."""
    from hpcphys.report import liquids

    length, time = _units(folder)
    series = read_series(folder / "diagnostics.h5")
    seen = job.get("observables", {})
    if len(series["time"]) > 1:
        names = [*PANELS, *(["volume"] if np.ptp(series["volume"]) > 0.0 else [])]
        begin = seen.get("begin") or None
        yield "thermo", liquids.thermo_figure(series, names, time=time, begin=begin)
    corners, atoms = job.get("ensemble", {}).get("ramp"), metrics.get("atoms")
    if corners and atoms and len(series["time"]) > 1:
        yield "ramp", liquids.ramp_figure(series, corners, atoms, length=length)
    curves = _curves(folder / "observables.h5")
    pairs = {_label(name, job): curve for name, curve in curves.items() if name.startswith("rdf_")}
    if pairs:
        yield "rdf", liquids.radial_figure(pairs, unit=length, coordination=len(pairs) == 1)
    if "structure_factor" in curves:
        factor = {"": _filled(curves["structure_factor"])}
        yield "structure_factor", liquids.structure_figure(factor, unit=f"{length}^{{-1}}")
    if "msd" in curves and len(curves["msd"].time) > 2:
        window, diffusion = _fit(curves["msd"], seen.get("msd", {}), metrics)
        yield (
            "displacement",
            liquids.displacement_figure(
                curves["msd"], window=window, diffusion=diffusion, length=length, time=time
            ),
        )
    if "vacf" in curves and len(curves["vacf"].time) > 1:
        last = seen.get("vacf", {}).get("integrate_to")
        yield "velocity", liquids.velocity_figure(curves["vacf"], last=last, time=time)
    if "viscosity" in curves:
        last = metrics.get("viscosity_integrated_to")
        yield "viscosity", liquids.viscosity_figure(curves["viscosity"], last=last, time=time)


def _curves(path: Path) -> dict[str, SimpleNamespace]:
    """Group -> its arrays as attributes, as the observables' own results have them."""
    if not path.exists():
        return {}
    with open_hdf5(path) as file:
        return {
            name: SimpleNamespace(**{key: dataset[()] for key, dataset in group.items()})
            for name, group in file.items()
        }


def _units(folder: Path) -> tuple[str, str]:
    """TeX of the units of length and time."""
    path = folder / "observables.h5"
    if not path.exists():
        return r"\sigma", r"\tau"
    with open_hdf5(path) as file:
        length, time = (str(file.attrs.get(name, "")) for name in ("length", "time"))
    names = {"nm": r"\mathrm{nm}", "angstrom": r"\mathrm{\AA}", "": r"\sigma"}
    return names.get(length, length), rf"\mathrm{{{time}}}".replace(" ", r"\ ") if time else r"\tau"


def _label(name: str, job: dict[str, Any]) -> str:
    """The types of a curve rdf_<a>_<b> by their names."""
    a, b = (int(part) for part in name.split("_")[1:])
    names = job.get("types", {}).get("names") or []
    if not names:
        return f"{a}–{b}" if len(job.get("types", {}).get("masses", [1])) > 1 else "$g(r)$"
    return f"{names[a]}–{names[b]}"


def _filled(curve: SimpleNamespace) -> SimpleNamespace:
    """The shells that hold a wavevector."""
    there = curve.vectors > 0
    return SimpleNamespace(**{name: values[there] for name, values in vars(curve).items()})


def _fit(
    curve: SimpleNamespace, table: dict[str, Any], metrics: dict[str, Any]
) -> tuple[tuple[float, float] | None, Any]:
    """The window of the slope, and the diffusion coefficient, where it was measured."""
    if metrics.get("diffusion") is None:
        return None, None
    longest = float(curve.time[-1])
    window = (table.get("fit_from") or 0.25 * longest, table.get("fit_to") or 0.5 * longest)
    error = metrics.get("diffusion_error")
    return window, SimpleNamespace(value=metrics["diffusion"], error=np.inf if error is None else error)
