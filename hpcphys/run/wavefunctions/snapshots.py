"""Snapshots of a wavefunction: HDF5 with named axes, which xarray opens, and XDMF, which ParaView opens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from hpcphys.io.blocks import Block
from hpcphys.io.grids import write_grid
from hpcphys.io.rows import DataFileError, open_hdf5, write_rows
from hpcphys.physics.schrodinger.grid import AXES, WaveGrid

PATTERN = "wavefunction_{index:03d}.h5"


def write_wavefunction(
    path: Path, communicator: Any, grid: WaveGrid, psi: np.ndarray, time: float, step: int, job: str
) -> None:
    """density |ψ|², psi_real and psi_imag on the points, with their coordinates; collective.

    psi: this rank's slab.  The axes lie in the file in the order z, y, x; beside a file of two or three axes
    stands one for ParaView (.xdmf).  Raises DataFileError on all ranks when one cannot write.
    """
    labels, density = AXES[: grid.dimension], psi.real**2 + psi.imag**2
    if grid.dimension == 1:
        datasets = {"x": grid.axes[0], "density": density, "psi_real": psi.real, "psi_imag": psi.imag}
        attributes = {"/": {"time": time, "step": step, "job": job, "Conventions": "CF-1.10"}}
        write_rows(path, communicator, datasets, attributes, dict.fromkeys(datasets, ("x",)))
        return
    first, total = grid.rows[0], grid.points[0]
    write_grid(
        path,
        communicator,
        {"density": Block.rows(density, first, total), "psi": Block.rows(psi, first, total)},
        axes=labels,
        lower=grid.lower,
        upper=grid.upper,
        time=time,
        step=step,
        job=job,
    )


def read_wavefunction(path: str, communicator: Any, grid: WaveGrid) -> np.ndarray:
    """This rank's slab of a snapshot on the same grid; complex128, not normalised.

    Raises DataFileError for a file that is no snapshot, or of another grid.
    """
    first, last = grid.rows
    with open_hdf5(path) as file:
        missing = [name for name in ("psi_real", "psi_imag") if name not in file]
        if missing:
            names = " and no ".join(missing)
            raise DataFileError(f"{path}: holds no {names}; give a snapshot of a wavefunction")
        shape = file["psi_real"].shape[::-1]
        if shape != grid.points:
            found, wanted = (" x ".join(map(str, points)) for points in (shape, grid.points))
            raise DataFileError(
                f"{path}: holds {found} points, [grid] points is {wanted}: give the same grid"
            )
        real, imaginary = (file[name][..., first:last] for name in ("psi_real", "psi_imag"))
    return np.ascontiguousarray((real + 1j * imaginary.astype(float)).T)
