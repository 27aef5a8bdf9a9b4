"""What the figures of a wavefunction are drawn from: its series, its snapshots, its job."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from hpcphys.io.rows import DataFileError, open_hdf5
from hpcphys.io.summary import read_summary
from hpcphys.report.plots import run_output

AXES = ("x", "y", "z")
LARGEST_MAP = 1024
"""Points of a map along each axis that are drawn; more are thinned out."""


@dataclass(frozen=True)
class Snapshot:
    """A snapshot: its time, coordinates of each axis and what is drawn of the wavefunction.

    1D: psi (n,);  2D: psi (n0, n1);  3D: density projected along z, (n0, n1), and along y, (n0, n2)
    """

    time: float
    axes: tuple[np.ndarray, ...]
    density: np.ndarray
    psi: np.ndarray | None = None
    side: np.ndarray | None = None


def read_snapshot(path: Path) -> Snapshot:
    """The snapshot of a file, thinned for drawing.  Raises DataFileError."""
    with open_hdf5(path) as file:
        try:
            dimension, time = file["density"].ndim, float(file.attrs["time"])
            axes = tuple(file[label][:] for label in AXES[:dimension])
            if dimension == 3:
                density = file["density"][:].transpose(2, 1, 0)  # in the file: z, y, x
                dy, dz = (x[1] - x[0] if len(x) > 1 else 1.0 for x in axes[1:])
                return Snapshot(time, axes, density.sum(axis=2) * dz, side=density.sum(axis=1) * dy)
            thinned = [slice(None, None, -(-len(x) // LARGEST_MAP)) for x in axes]
            cuts = thinned if dimension > 1 else [slice(None)]
            psi = (file["psi_real"][tuple(cuts[::-1])] + 1j * file["psi_imag"][tuple(cuts[::-1])]).T
            axes = tuple(x[cut] for x, cut in zip(axes, cuts, strict=True))
        except KeyError as problem:
            raise DataFileError(f"{path}: is no snapshot of a wavefunction ({problem})") from problem
    return Snapshot(time, axes, np.abs(psi) ** 2, psi)


@dataclass
class Run:
    """An output folder.  Raises DataFileError where it has neither diagnostics nor snapshots."""

    folder: Path
    job: dict[str, Any] = field(init=False)
    series: dict[str, np.ndarray] = field(init=False)

    def __post_init__(self) -> None:
        self.job, self.series = run_output(self.folder, self.paths, "wavefunction_*.h5")

    @cached_property
    def paths(self) -> list[Path]:
        """Snapshots in the order of time."""
        return sorted(self.folder.glob("wavefunction_*.h5"))

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """Of summary.json; empty where there is none."""
        return (read_summary(self.folder) or {}).get("metrics", {})

    @property
    def imaginary(self) -> bool:
        """Whether the run was in imaginary time."""
        return self.job.get("time", {}).get("mode") == "imaginary"

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the axes."""
        return AXES[: len(self.job.get("grid", {}).get("points", [0]))]

    def snapshots(self, count: int) -> list[Snapshot]:
        """At most `count` of them, evenly spread, first and last among them."""
        last = len(self.paths) - 1
        wanted = sorted({round(last * k / max(1, count - 1)) for k in range(count)}) if last >= 0 else []
        return [read_snapshot(self.paths[k]) for k in wanted]

    def coordinates(self, axis: int) -> np.ndarray:
        """Points of the profile of an axis."""
        grid = self.job["grid"]
        low, high = (_along(grid[name], axis) for name in ("lower", "upper"))
        count, wanted = grid["points"][axis], self.job["observables"]["profiles"]
        x = low + (high - low) / count * np.arange(count)
        return x[:: -(-count // wanted)]

    def potential(self, time: float, *points: np.ndarray) -> np.ndarray | None:
        """V at a time on broadcasting coordinates; None where the job states none, or it is constant."""
        import sympy

        from hpcphys.compiler.expressions import TIME, Coordinates, Variable, parse

        wave = self.job.get("wave", {})
        text = wave.get("potential", 0.0)
        if not isinstance(text, str):
            return None
        axes = tuple(map(Variable, self.labels))
        known = wave.get("parameters", {})
        coordinates = Coordinates(axes, tuple(map(Variable, known)))
        found = parse(text, coordinates, where=wave.get("definitions", {}), time=True)
        values = {Variable(name).symbols[0]: value for name, value in known.items()}
        found = found.subs(values).subs(TIME, time)
        symbols = coordinates.symbols[: len(points)]
        found = found.subs(dict.fromkeys(coordinates.symbols[len(points) :], 0))
        if not found.free_symbols:
            return None
        function = sympy.lambdify(symbols, found, modules=["scipy", "numpy"])
        with np.errstate(all="ignore"):
            return np.broadcast_to(function(*points), np.broadcast_shapes(*(p.shape for p in points)))


def _along(given: Any, axis: int) -> float:
    return float(given[axis] if isinstance(given, list) else given)
