"""The first state of a flow: what [initial] says, on this rank's columns."""

from __future__ import annotations

from typing import Any

import numpy as np

from hpcphys.run.errors import JobError
from hpcphys.run.fluids.job import FluidJob


def initial_vorticity(job: FluidJob, engine: Any, communicator: Any) -> np.ndarray:
    """ω̂ of this rank's columns as [initial] says, without mean, in host memory; collective.

    Raises JobError where parameters do not fit, DataFileError for a file that cannot be used.
    """
    from hpcphys.physics.vorticity.engine import hermitian

    return hermitian(_amplitudes(job, engine, communicator), engine.grid)


def _amplitudes(job: FluidJob, engine: Any, communicator: Any) -> np.ndarray:
    from hpcphys.initial.vorticity import PHYSICAL, SPECTRAL

    grid = engine.grid
    initial: Any = job.initial
    parameters = initial.model_dump(exclude={"model"}, exclude_none=True)
    try:
        if initial.model in SPECTRAL:
            return SPECTRAL[initial.model](grid, **parameters)
        x, y = axes(grid)
        if initial.model in PHYSICAL:
            rows = PHYSICAL[initial.model](x, y[:, None], grid.length, **parameters)
        elif initial.model == "expression":
            return _stated(initial, engine, x, y, communicator)
        else:
            rows = _file_rows(initial.path, grid, communicator)
    except ValueError as problem:
        raise JobError([f"initial.{problem}"]) from problem
    return _transformed(rows, engine)


def _transformed(rows: np.ndarray, engine: Any) -> np.ndarray:
    """ω̂ of values on this rank's rows of the grid; collective."""
    return engine.backend.host(engine.spectral(np.ascontiguousarray(rows, dtype=engine.grid.real_type)))


def axes(grid: Any) -> tuple[np.ndarray, np.ndarray]:
    """x of all points, and y of this rank's rows."""
    spacing = grid.length / grid.n
    return np.arange(grid.n) * spacing, np.arange(*grid.rows) * spacing


def _stated(initial: Any, engine: Any, x: np.ndarray, y: np.ndarray, communicator: Any) -> np.ndarray:
    """ω̂ of an expression.  Raises JobError that names a point where it is not finite."""
    from hpcphys.run.fluids.stated import stated_rows

    rows = stated_rows(initial, x, y)
    bad = np.argwhere(~np.isfinite(rows))
    where = (float(x[bad[0][1]]), float(y[bad[0][0]]), float(rows[tuple(bad[0])])) if len(bad) else None
    found = next((place for place in communicator.allgather(where) if place is not None), None)
    if found is not None:
        raise JobError(
            [
                f"initial.expression: is {found[2]} at x = {found[0]:g}, y = {found[1]:g}, a point of the "
                "grid; it must be finite everywhere"
            ]
        )
    modes = _transformed(rows, engine)
    return modes * engine.grid.k2 if initial.quantity == "streamfunction" else modes


def _file_rows(path: str, grid: Any, communicator: Any) -> np.ndarray:
    """The vorticity of a snapshot on this rank's rows of the grid."""
    from hpcphys.io.rows import DataFileError, open_hdf5, read_rows

    with open_hdf5(path) as file:
        if "vorticity" not in file:
            raise DataFileError(f"{path}: has no dataset 'vorticity'; it holds {', '.join(file)}")
        shape = file["vorticity"].shape
    if shape != (grid.n, grid.n):
        raise JobError(
            [
                f"initial.path: {path} holds {' x '.join(map(str, shape))} points; this grid has "
                f"{grid.n} x {grid.n}: set grid.points to match"
            ]
        )
    return read_rows(path, communicator, ["vorticity"], grid.rows)["vorticity"]
