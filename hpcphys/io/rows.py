"""One contiguous HDF5 file, written by all ranks without parallel HDF5.

Rank 0 creates every dataset with early allocation and no fill values, so that each one is a single block of
bytes at a known offset; the offsets are broadcast and every rank writes its own rows, or its own box of a
grid, at its own place.  The ranks write with plain `pwrite` to disjoint ranges, not with MPI-IO: Open MPI's
never returns when the disk is full, and passes on no reason for a failure.  The file grows under a temporary
name, is synced, and takes its final name by a rename: a reader sees the old file or the complete new one,
never a part.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from hpcphys.io.blocks import Block

# Linux writes at most 2 GiB per call: larger blocks are written in rounds of this many bytes.
ROUND_BYTES = 1 << 29


class DataFileError(OSError):
    """A data file cannot be written or read; the message says which file, why, and what to do."""

    exit_code = 1


def write_rows(
    path: str | Path,
    communicator,
    datasets: Mapping[str, np.ndarray | Block],
    attributes: Mapping[str, Mapping[str, object]] | None = None,
    dimensions: Mapping[str, Sequence[str]] | None = None,
) -> int:
    """Write every rank's rows, in rank order, or its blocks into one HDF5 file; collective.

    path: final name; the folder must exist.  An existing file is replaced in one step.
    datasets: name (may contain "/") -> this rank's rows (n_local, ...); the same names, types and trailing
      shapes on all ranks, any number of rows on each; or this rank's Block of a dataset.
    attributes: path of a group or dataset ("/" is the file) -> attributes; rank 0's are written.
    dimensions: name of a dataset -> names of its axes, as netCDF-4 and xarray read them; a dataset that
    has the
      name of an axis holds its coordinates.
    Returns the size of the file in bytes.  Raises DataFileError on every rank if any rank failed; the
    temporary file is then removed and an existing file of that name is untouched.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.partial")
    local = _placed(communicator, datasets)
    message, offsets = "", {}
    if communicator.rank == 0:
        try:
            _require_space(path.parent, sum(block.total_bytes for block in local.values()))
            offsets = _create(temporary, local, attributes or {}, dimensions or {})
        except (OSError, RuntimeError) as problem:  # h5py raises the latter when closing a file fails
            message = reason_of(problem)
    message, offsets = communicator.bcast((message, offsets))
    if not message:
        blocks = [(offsets[name], block) for name, block in local.items() if offsets[name] is not None]
        message = _write_blocks(temporary, communicator, blocks)
    size = 0
    if not message and communicator.rank == 0:
        try:
            size = _publish(temporary, path)
        except OSError as problem:
            message = reason_of(problem)
    message, size = communicator.bcast((message, size))
    if message:
        if communicator.rank == 0:
            temporary.unlink(missing_ok=True)
        raise DataFileError(f"{path}: cannot be written: {message}")
    return size


def read_rows(
    path: str | Path, communicator, names: Sequence[str], rows: tuple[int, int] | None = None
) -> dict[str, np.ndarray]:
    """This rank's rows of the named datasets.

    rows: (first, last) of this rank; without it, an even split of the rows in file order.
    Raises DataFileError if the file is missing, not HDF5, truncated, or lacks a dataset.
    """
    with open_hdf5(path) as file:
        result = {}
        for name in names:
            if name not in file:
                raise DataFileError(
                    f"{path}: has no dataset {name!r}; it holds: {', '.join(sorted(file)) or 'nothing'}"
                )
            dataset = file[name]
            first, last = rows or even_rows(dataset.shape[0], communicator.rank, communicator.size)
            if not 0 <= first <= last <= dataset.shape[0]:
                raise DataFileError(
                    f"{path}: {name} has {dataset.shape[0]} rows; rows {first} to {last} were asked"
                )
            try:
                result[name] = dataset[first:last]
            except OSError as problem:
                raise DataFileError(
                    f"{path}: {name} cannot be read ({problem}); the file is damaged"
                ) from problem
    return result


def read_block(path: str | Path, name: str, start: Sequence[int], shape: Sequence[int]) -> np.ndarray:
    """The box of `shape` from index `start` on of a dataset.

    Raises DataFileError if the file or the dataset is missing or damaged, or the box does not lie in it.
    """
    with open_hdf5(path) as file:
        if name not in file:
            raise DataFileError(
                f"{path}: has no dataset {name!r}; it holds: {', '.join(sorted(file)) or 'nothing'}"
            )
        dataset = file[name]
        ends = [int(s) + int(n) for s, n in zip(start, shape, strict=True)]
        if len(ends) != dataset.ndim or min(start) < 0 or any(np.array(ends) > dataset.shape):
            raise DataFileError(
                f"{path}: {name} has the shape {dataset.shape}; asked was a box of {tuple(shape)} from "
                f"{tuple(start)}"
            )
        try:
            return dataset[tuple(slice(int(s), end) for s, end in zip(start, ends, strict=True))]
        except OSError as problem:
            raise DataFileError(
                f"{path}: {name} cannot be read ({problem}); the file is damaged"
            ) from problem


def open_hdf5(path: str | Path):
    """An h5py.File for reading; DataFileError with a plain reason if the file is missing, truncated or not
    HDF5."""
    import h5py

    path = Path(path)
    if not path.exists():
        raise DataFileError(f"{path}: no such file")
    if path.is_dir():
        raise DataFileError(f"{path}: is a folder; an HDF5 file is needed")
    try:
        return h5py.File(path, "r", locking=False)
    except OSError as problem:
        if "truncated" in str(problem):
            reason = "is truncated: it was not written or copied completely"
        elif not h5py.is_hdf5(path):
            reason = "is not an HDF5 file" if path.stat().st_size else "is empty"
        else:
            reason = f"cannot be opened ({problem})"
        raise DataFileError(f"{path}: {reason}") from problem


def even_rows(count: int, rank: int, size: int) -> tuple[int, int]:
    """(first, last) of `rank` when `count` rows are split evenly over `size` ranks."""
    return count * rank // size, count * (rank + 1) // size


def reason_of(problem: Exception) -> str:
    """The plain cause of a failed write, with what to do where there is one answer."""
    text = str(problem)
    if found := re.search(
        r"error message = '([^']+)'", text
    ):  # HDF5 tells the system's message among much else
        text = found[1]
    code = getattr(problem, "errno", None)
    if code == errno.ENOSPC or "No space left" in text:
        return f"the disk is full ({text}); free space or choose another [output] directory"
    if code in (errno.EDQUOT, errno.EFBIG) or "File too large" in text or "quota" in text:
        return f"a quota or limit is reached ({text}); free space or choose another [output] directory"
    if code in (errno.EACCES, errno.EROFS, errno.EPERM):
        return f"no permission to write ({text}); choose another [output] directory"
    return text


def _require_space(folder: Path, needed: int) -> None:
    """Refuse before anything is written when the file system plainly has no room."""
    free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
    if needed > free:
        raise OSError(errno.ENOSPC, f"No space left: {needed} bytes needed, {free} free in {folder}")


def _placed(communicator, datasets: Mapping[str, np.ndarray | Block]) -> dict[str, Block]:
    """Each dataset's part on this rank, rows at their place in rank order."""
    rows = {
        name: np.ascontiguousarray(part) for name, part in datasets.items() if not isinstance(part, Block)
    }
    first, total = _row_ranges(communicator, [len(array) for array in rows.values()])
    placed = {
        name: Block.rows(array, start, count)
        for (name, array), start, count in zip(rows.items(), first, total, strict=True)
    }
    return {name: part if isinstance(part, Block) else placed[name] for name, part in datasets.items()}


def _row_ranges(communicator, counts: list[int]) -> tuple[list[int], list[int]]:
    """First row of this rank and number of rows over all ranks, for each dataset."""
    local = np.array(counts, dtype=np.int64)
    if communicator.mpi is None:
        return [0] * len(counts), counts
    running = np.empty_like(local)
    communicator.mpi.Scan(local, running)
    total = communicator.allreduce(local, "sum")
    return (running - local).tolist(), total.tolist()


def _create(path: Path, local: Mapping[str, Block], attributes, dimensions) -> dict[str, int | None]:
    """Create the file with all its metadata; byte offset of each dataset (None for one without bytes)."""
    import h5py

    layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    layout.set_layout(h5py.h5d.CONTIGUOUS)
    layout.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    layout.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    layout.set_obj_track_times(False)
    links = h5py.h5p.create(h5py.h5p.LINK_CREATE)
    links.set_create_intermediate_group(True)
    offsets: dict[str, int | None] = {}
    path.unlink(missing_ok=True)
    with h5py.File(path, "w", locking=False, libver=("v108", "v110")) as file:
        for name, block in local.items():
            kind = h5py.h5t.py_create(block.array.dtype, logical=True)
            space = h5py.h5s.create_simple(block.shape)
            dataset = h5py.h5d.create(file.id, name.encode(), kind, space, dcpl=layout, lcpl=links)
            offsets[name] = dataset.get_offset() if block.total_bytes else None
        for target, values in attributes.items():
            holder = file[target] if target in file else file.create_group(target)
            for key, value in values.items():
                holder.attrs[key] = value
        _name_axes(file, dimensions)
    return offsets


def _name_axes(file, dimensions: Mapping[str, Sequence[str]]) -> None:
    """Attach HDF5 dimension scales: datasets of the axes' names, made without content where there are
    none."""
    for name, axes in dimensions.items():
        for axis, label in enumerate(axes):
            if label not in file:
                size = file[name].shape[axis]
                scale = file.create_dataset(label, shape=(size,), dtype="f4", track_times=False)
                # What the netCDF-4 format calls an axis without coordinates.
                scale.make_scale(f"This is a netCDF dimension but not a netCDF variable. {size:>9}")
            elif not file[label].is_scale:
                file[label].make_scale(label)
            if label != name:
                file[name].dims[axis].attach_scale(file[label])


def _write_blocks(path: Path, communicator, blocks: list[tuple[int, Block]]) -> str:
    """Write this rank's blocks at their offsets; the first reason of failure over all ranks, or ""."""
    try:
        with open(path, "r+b", buffering=0) as file:
            for offset, block in blocks:
                for place, raw in block.runs():
                    done = 0
                    while done < len(raw):
                        part = raw[done : done + ROUND_BYTES].data
                        done += os.pwrite(file.fileno(), part, offset + place + done)
            os.fsync(file.fileno())
        message = ""
    except OSError as problem:
        message = reason_of(problem)
    if not communicator.agree(1 if message else 0):
        return ""
    return next(reason for reason in communicator.allgather(message) if reason)


def _publish(temporary: Path, path: Path) -> int:
    """Sync, rename and sync the folder: after this the complete file survives a power cut."""
    with open(temporary, "r+b") as file:
        os.fsync(file.fileno())
        size = os.fstat(file.fileno()).st_size
    os.rename(temporary, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return size
