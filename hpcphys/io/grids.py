"""Fields on a uniform grid: one HDF5 file with coordinates for xarray, and an XDMF file for ParaView.

    xarray.open_dataset("fields_001.h5", engine="h5netcdf")
    ->  vorticity (y, x), x, y

Axes lie in the file in the order z, y, x, whatever their order in memory: the last axis is what ParaView
calls x.  A complex field ψ is written as ψ_real and ψ_imag.  The file's attributes are time, step, job.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hpcphys.io.blocks import Block
from hpcphys.io.rows import DataFileError, reason_of, write_rows
from hpcphys.io.xdmf import document


def write_grid(
    path: str | Path,
    communicator,
    fields: Mapping[str, Block],
    *,
    axes: Sequence[str],
    lower: Sequence[float],
    upper: Sequence[float],
    time: float = 0.0,
    step: int = 0,
    job: str = "",
    attributes: Mapping[str, Mapping[str, Any]] | None = None,
) -> int:
    """Write fields of all ranks as <path> (HDF5) and <path with .xdmf>; collective.

    path: ends in .h5;  fields: name -> this rank's Block, all of one global shape (n_0, …), real or complex
    axes: names of the axes in memory, two or three different ones of "x", "y", "z"
    lower, upper: ends of the periodic box along each axis; points lie at lower + j (upper - lower)/n
    attributes: of fields, by name ("units", "long_name")
    Where the axes in memory are not z, y, x, each rank's box is transposed before it is written.
    Returns the bytes of the HDF5 file.  Raises ValueError for axes or shapes that do not belong together,
    DataFileError on all ranks when one cannot write.
    """
    path = Path(path)
    shape = _common_shape(fields, axes)
    order = tuple(sorted(range(len(axes)), key=lambda axis: axes[axis], reverse=True))
    names = [axes[axis] for axis in order]
    coordinates = {
        axes[axis]: lower[axis] + np.arange(shape[axis]) * ((upper[axis] - lower[axis]) / shape[axis])
        for axis in order
    }
    parts = _real_parts({name: block.transposed(order) for name, block in fields.items()})
    # Only rank 0 has the coordinates, as rows: they are there once.
    mine = slice(None) if communicator.rank == 0 else slice(0)
    datasets: dict[str, np.ndarray | Block] = {name: values[mine] for name, values in coordinates.items()}
    size = write_rows(
        path,
        communicator,
        {**datasets, **parts},
        {
            "/": {"time": time, "step": step, "job": job, "Conventions": "CF-1.10"},
            **{name: {"axis": name.upper(), "long_name": name} for name in coordinates},
            **_part_attributes(attributes or {}, fields),
        },
        {**{name: (name,) for name in coordinates}, **dict.fromkeys(parts, names)},
    )
    kinds = {name: block.array.dtype for name, block in parts.items()}
    _write_xdmf(path, communicator, document(path.name, coordinates, kinds, time))
    return size


def _common_shape(fields: Mapping[str, Block], axes: Sequence[str]) -> tuple[int, ...]:
    shapes = {block.shape for block in fields.values()}
    if len(shapes) != 1:
        raise ValueError(f"fields of one grid must have one shape; found {sorted(shapes) or 'no field'}")
    (shape,) = shapes
    if not (2 <= len(axes) == len(shape) == len(set(axes)) and set(axes) <= set("xyz")):
        raise ValueError(
            f"axes {list(axes)} of fields of shape {shape}: two or three different ones of x, y, z are "
            "needed, one for each axis"
        )
    clash = set(fields) & set(axes)
    if clash:
        raise ValueError(f"a field cannot be called {', '.join(sorted(clash))}: that is the name of an axis")
    return shape


def _real_parts(blocks: Mapping[str, Block]) -> dict[str, Block]:
    """The fields as real ones, complex ones as two."""
    parts = {}
    for name, block in blocks.items():
        if block.array.dtype.kind == "c":
            parts[f"{name}_real"] = block.with_array(block.array.real)
            parts[f"{name}_imag"] = block.with_array(block.array.imag)
        else:
            parts[name] = block
    return parts


def _part_attributes(
    attributes: Mapping[str, Mapping[str, Any]], fields: Mapping[str, Block]
) -> dict[str, Mapping[str, Any]]:
    """The attributes of each dataset: both parts of a complex field have those of the field."""
    found: dict[str, Mapping[str, Any]] = {}
    for name, values in attributes.items():
        split = fields[name].array.dtype.kind == "c"
        found |= dict.fromkeys((f"{name}_real", f"{name}_imag") if split else (name,), values)
    return found


def _write_xdmf(path: Path, communicator, text: str) -> None:
    """The XDMF file beside the HDF5 file, by rank 0, whole or not at all."""
    message, target = "", path.with_suffix(".xdmf")
    if communicator.rank == 0:
        temporary = target.with_name(f".{target.name}.partial")
        try:
            temporary.write_text(text, encoding="utf-8")
            os.replace(temporary, target)
        except OSError as problem:
            temporary.unlink(missing_ok=True)
            message = reason_of(problem)
    message = communicator.bcast(message)
    if message:
        raise DataFileError(f"{target}: cannot be written: {message}")
