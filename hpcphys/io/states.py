"""Snapshots of a batch of systems: one HDF5 file with named axes, which xarray opens as it is.

    xarray.open_dataset("states_001.h5", engine="h5netcdf")
    ->  q (system, q_component), p (system, ...), system

Variables have one row for each system; `system` holds their indices.  The file's attributes are time, step
and the job.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from hpcphys.io.rows import write_rows


def write_states(
    path: str | Path,
    communicator,
    arrays: Mapping[str, np.ndarray],
    time: float,
    step: int,
    first: int = 0,
    job: str = "",
) -> int:
    """Write the systems of all ranks as one file; collective.

    arrays: variable -> this rank's rows, (systems,) or (systems, size);  first: index of row 0
    Returns bytes written.  Raises DataFileError on all ranks when one cannot write.
    """
    count = len(next(iter(arrays.values())))
    datasets = {"system": np.arange(first, first + count, dtype=np.int64), **arrays}
    dimensions: dict[str, tuple[str, ...]] = {"system": ("system",)}
    for name, array in arrays.items():
        dimensions[name] = ("system",) if array.ndim == 1 else ("system", f"{name}_component")
    attributes = {"/": {"time": time, "step": step, "job": job, "Conventions": "CF-1.10"}}
    return write_rows(path, communicator, datasets, attributes, dimensions)
