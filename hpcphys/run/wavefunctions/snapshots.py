"""Snapshots of a wavefunction: HDF5 with named axes, which xarray opens, and XDMF, which ParaView opens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from hpcphys.io.rows import DataFileError, open_hdf5, read_rows, write_rows
from hpcphys.physics.schrodinger.grid import AXES, WaveGrid

PATTERN = "wavefunction_{index:03d}.h5"


def write_wavefunction(
    path: Path, communicator: Any, grid: WaveGrid, psi: np.ndarray, time: float, step: int, job: str
) -> None:
    """density |ψ|², real and imaginary part on the points, with their coordinates; collective.

    psi: this rank's slab.  Raises DataFileError on all ranks when one cannot write.
    """
    labels = AXES[: grid.dimension]
    fields = {"density": psi.real**2 + psi.imag**2, "real": psi.real, "imaginary": psi.imag}
    first = communicator.rank == 0
    coordinates = {
        label: x if axis == 0 or first else x[:0]
        for axis, (label, x) in enumerate(zip(labels, grid.axes, strict=True))
    }
    attributes = {"/": {"time": time, "step": step, "job": job, "Conventions": "CF-1.10"}}
    dimensions = {label: (label,) for label in labels} | dict.fromkeys(fields, labels)
    write_rows(path, communicator, {**coordinates, **fields}, attributes, dimensions)


def read_wavefunction(path: str, communicator: Any, grid: WaveGrid) -> np.ndarray:
    """This rank's slab of a snapshot on the same grid; complex128.

    Raises DataFileError for a file that is no snapshot, or of another grid.
    """
    with open_hdf5(path) as file:
        missing = [name for name in ("real", "imaginary") if name not in file]
        if missing:
            raise DataFileError(
                f"{path}: holds no {' and no '.join(missing)}; give a snapshot of a wavefunction"
            )
        shape = file["real"].shape
    if shape != grid.points:
        found, wanted = (" x ".join(map(str, points)) for points in (shape, grid.points))
        raise DataFileError(
            f"{path}: holds {found} points; [grid] points has {wanted}: they must be the same"
        )
    rows = read_rows(path, communicator, ["real", "imaginary"], rows=grid.rows)
    return rows["real"] + 1j * rows["imaginary"].astype(float)
