"""From the output folder of a run of stated systems to its figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from hpcphys.io.rows import DataFileError
from hpcphys.io.series import read_series
from hpcphys.io.summary import read_summary
from hpcphys.report.plots import save_figure, used_job

LARGEST_PATH = 20_000
"""Points of a trajectory that are drawn at most."""


def plot_systems(folder: str | Path) -> list[Path]:
    """Draw conservation.png, trajectory.png and the figure that belongs to a system of the zoo.

    folder: output folder with diagnostics.h5 and job.used.toml
    Returns the paths written.  Raises DataFileError when the folder has no diagnostics or a file is damaged.
    """
    import matplotlib

    from hpcphys.report import figures
    from hpcphys.report.conservation import conservation_figure
    from hpcphys.report.trajectories import trajectory_figure
    from hpcphys.report.zoo import FIGURES

    folder = Path(folder)
    if not (folder / "diagnostics.h5").exists():
        raise DataFileError(f"{folder}: holds no diagnostics.h5; is it a run's output folder?")
    series = read_series(folder / "diagnostics.h5")
    if len(series["time"]) < 2:
        return []
    job, summary = used_job(folder), read_summary(folder) or {}
    table = job.get("hamiltonian", {})
    written = []
    with matplotlib.rc_context(figures.STYLE):
        drawn: dict[str, Any] = {"conservation": conservation_figure(series, summary.get("metrics", {}))}
        name = table.get("system")
        if name in FIGURES:
            from hpcphys.physics.zoo import zoo_system

            system = zoo_system(name, table.get("parameters", {}))
            drawn[name] = FIGURES[name](series, system, last_states(folder))
        else:
            structure = table.get("structure", "canonical")
            drawn["trajectory"] = trajectory_figure(series, table.get("variables", []), structure)
        for title, figure in drawn.items():
            if figure is not None:
                written.append(save_figure(figure, folder / f"{title}.png"))
    return written


def last_states(folder: Path) -> dict[str, np.ndarray]:
    """The variables of the newest snapshot; empty where there is none."""
    from hpcphys.io.rows import open_hdf5

    snapshots = sorted(folder.glob("states_*.h5"))
    if not snapshots:
        return {}
    with open_hdf5(snapshots[-1]) as file:
        return {name: dataset[:] for name, dataset in file.items()}


def thinned(length: int) -> np.ndarray:
    """Rows that are drawn of a series so long."""
    return np.unique(np.linspace(0, length - 1, min(length, LARGEST_PATH)).astype(int))
