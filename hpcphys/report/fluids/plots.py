"""Which figures a run of a flow gets, from what its folder holds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from hpcphys.io.rows import DataFileError, open_hdf5
from hpcphys.io.series import read_series
from hpcphys.physics.vorticity.diagnostics import DISSIPATION
from hpcphys.report.plots import save_figure, used_job

PANELS = 4
"""Snapshots side by side in the picture of the vorticity."""


def plot_flow(folder: str | Path, movie: bool = False) -> list[Path]:
    """Draw vorticity, spectra, fluxes, budgets and casimirs .png, where their data is there.

    folder: output folder with diagnostics.h5 and, perhaps, spectra.h5 and snapshots
    movie: also make movie.gif from all snapshots, and movie.mp4 where ffmpeg is installed
    Returns the paths written.  Raises DataFileError when there is nothing to draw, or a file is damaged.
    """
    import matplotlib

    from hpcphys.report import figures
    from hpcphys.report.fluids.maps import write_vorticity_movie

    folder = Path(folder)
    snapshots = sorted(folder.glob("snapshot_*.h5"))
    if not (folder / "diagnostics.h5").exists() and not snapshots:
        raise DataFileError(
            f"{folder}: holds no diagnostics.h5 and no snapshot_*.h5; is it a run's output folder?"
        )
    written = []
    with matplotlib.rc_context(figures.STYLE):
        for name, figure in _figures(folder, used_job(folder), snapshots):
            if figure is not None:
                written.append(save_figure(figure, folder / f"{name}.png"))
    if movie and snapshots:
        written += write_vorticity_movie(folder, snapshots)
    return written


def _figures(folder: Path, job: dict[str, Any], snapshots: list[Path]) -> Iterator[tuple[str, Any]]:
    """Name and figure of everything there is data for."""
    from hpcphys.report.fluids.maps import vorticity_figure
    from hpcphys.report.fluids.series import budget_figure, casimir_figure
    from hpcphys.report.fluids.spectra import flux_figure, spectra_figure

    if snapshots:
        yield "vorticity", vorticity_figure(_spread(snapshots))
    if (folder / "diagnostics.h5").exists():
        series = read_series(folder / "diagnostics.h5")
        if len(series["time"]) > 1:
            yield "budgets", budget_figure(series)
            if not (job.get("forcing") or any(series[name].any() for name in DISSIPATION)):
                yield "casimirs", casimir_figure(series)
    if (folder / "spectra.h5").exists():
        with open_hdf5(folder / "spectra.h5") as file:
            wavenumber, resolved = np.asarray(file.attrs["wavenumber"]), int(file.attrs["resolved"])
        rows = read_series(folder / "spectra.h5")
        yield "spectra", spectra_figure(wavenumber, resolved, rows, job)
        yield "fluxes", flux_figure(wavenumber, resolved, rows, job)


def _spread(paths: list[Path]) -> list[Path]:
    """At most PANELS of the paths, evenly spread, first and last among them."""
    last = len(paths) - 1
    return [paths[i] for i in sorted({round(last * index / (PANELS - 1)) for index in range(PANELS)})]
