"""What the figures of a plasma are drawn from: its series, its snapshots, its job."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from hpcphys.io.rows import DataFileError, open_hdf5
from hpcphys.io.series import read_series
from hpcphys.io.summary import read_summary
from hpcphys.report.plots import run_output

AXES = ("x", "y", "z")


@dataclass(frozen=True)
class Picture:
    """A field of a snapshot: its time, coordinates along each axis that is drawn, and values.

    Of three dimensions the plane in the middle of z is drawn.
    """

    time: float
    axes: tuple[np.ndarray, ...]
    values: np.ndarray


@dataclass
class Run:
    """An output folder.  Raises DataFileError where it has neither diagnostics nor snapshots."""

    folder: Path
    job: dict[str, Any] = field(init=False)
    series: dict[str, np.ndarray] = field(init=False)

    def __post_init__(self) -> None:
        self.job, self.series = run_output(self.folder, self.paths, "openpmd/plasma_*.h5")

    @cached_property
    def paths(self) -> list[Path]:
        """Snapshots in the order of time."""
        return sorted((self.folder / "openpmd").glob("plasma_*.h5"))

    @cached_property
    def measured(self) -> dict[str, Any]:
        """What the run was made for, of summary.json; empty where there is none."""
        return (read_summary(self.folder) or {}).get("metrics", {}).get("measured", {})

    @property
    def species(self) -> list[str]:
        """Names of the species."""
        return list(self.job.get("species", {}))

    @property
    def time_label(self) -> str:
        """Of the axis of time."""
        return "time [s]" if self.job.get("units", {}).get("system") == "si" else r"time $[1/\omega_p]$"

    @property
    def length_unit(self) -> str:
        """Behind names of coordinates."""
        si = self.job.get("units", {}).get("system") == "si"
        return "[m]" if si else r"$[c/\omega_p]$"

    def further(self, name: str) -> dict[str, np.ndarray]:
        """Another series of the folder; empty where it is not there."""
        path = self.folder / f"{name}.h5"
        return read_series(path) if path.exists() else {}

    def names(self, path: Path) -> list[str]:
        """Fields of a snapshot: "E/x", "rho", "density_electrons", …"""
        with open_hdf5(path) as file:
            group = _iteration(file, path).get("fields", {})
            found = []
            for name, entry in group.items():
                found += [f"{name}/{axis}" for axis in entry] if hasattr(entry, "keys") else [name]
        return found

    def picture(self, path: Path, name: str) -> Picture:
        """A field of a snapshot.  Raises DataFileError."""
        with open_hdf5(path) as file:
            iteration = _iteration(file, path)
            try:
                dataset = iteration[f"fields/{name}"]
                mesh = dataset.parent if "/" in name else dataset
                lower, spacing = mesh.attrs["gridGlobalOffset"], mesh.attrs["gridSpacing"]
                place, time = dataset.attrs["position"], float(iteration.attrs["time"])
                values = dataset[..., dataset.shape[2] // 2] if dataset.ndim == 3 else dataset[:]
            except KeyError as problem:
                raise DataFileError(f"{path}: holds no field {name} ({problem})") from problem
        axes = tuple(lower[a] + (np.arange(n) + place[a]) * spacing[a] for a, n in enumerate(values.shape))
        return Picture(time, axes, values)

    def spread(self, count: int) -> list[Path]:
        """At most `count` snapshots, evenly spread, first and last among them."""
        last = len(self.paths) - 1
        wanted = sorted({round(last * k / max(1, count - 1)) for k in range(count)}) if last >= 0 else []
        return [self.paths[k] for k in wanted]


def _iteration(file: Any, path: Path) -> Any:
    if "data" not in file or not len(file["data"]):
        raise DataFileError(f"{path}: is not an openPMD file of an iteration")
    return file["data"][max(file["data"], key=int)]
