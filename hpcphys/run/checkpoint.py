"""Checkpoints: everything that a bit-for-bit continuation needs, and the proof that it is undamaged.

checkpoint-<step>.h5 holds
  state/<array>        the rows of all ranks, in rank order
  ranks/rows           (ranks,) rows of each rank
  ranks/checksum       (ranks, arrays) CRC-32 of each rank's part of each array
  attribute metadata   JSON: time, step, scalars, the run loop's own memory, array names, the job, versions
with a CRC-32 of the metadata beside it.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hpcphys import __version__
from hpcphys.io.rows import DataFileError, even_rows, open_hdf5, read_rows, write_rows

FORMAT = 1
VERIFY_BYTES = 1 << 26


@dataclass(frozen=True)
class Checkpoint:
    """A valid checkpoint, with this rank's rows.

    arrays: name -> rows;  scalars: the state's;  memory: the run loop's;  job: text of the effective job;
    ranks: how many ranks wrote it.
    """

    path: Path
    arrays: dict[str, np.ndarray]
    time: float
    step: int
    scalars: dict[str, float | int]
    memory: dict
    job: str
    ranks: int


def write_checkpoint(
    folder: Path,
    communicator,
    arrays: Mapping[str, np.ndarray],
    time: float,
    step: int,
    *,
    scalars,
    memory,
    job: str,
    keep: int,
) -> Path:
    """Write checkpoint-<step>.h5 and remove all but the newest `keep`; collective.

    arrays: name -> this rank's rows (host memory).  Raises DataFileError on all ranks; older files stay.
    """
    path = folder / f"checkpoint-{step:08d}.h5"
    metadata = json.dumps(
        {
            "format": FORMAT,
            "version": __version__,
            "time": time,
            "step": step,
            "scalars": dict(scalars),
            "memory": memory,
            "arrays": list(arrays),
            "job": job,
        }
    )
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    checksums = [_checksum(array) for array in contiguous.values()]
    datasets = {f"state/{name}": array for name, array in contiguous.items()}
    datasets["ranks/rows"] = np.array([len(next(iter(contiguous.values())))], dtype=np.int64)
    datasets["ranks/checksum"] = np.array([checksums], dtype=np.uint32)
    attributes = {"/": {"metadata": metadata, "checksum": zlib.crc32(metadata.encode())}}
    write_rows(path, communicator, datasets, attributes)
    if communicator.rank == 0:
        for old in checkpoints(folder)[keep:]:
            old.unlink(missing_ok=True)
    return path


def checkpoints(folder: Path) -> list[Path]:
    """The checkpoint files of a folder, newest step first."""
    numbered = [
        (int(match[1]), path)
        for path in folder.glob("checkpoint-*.h5")
        if (match := _STEP.fullmatch(path.name))
    ]
    return [path for _, path in sorted(numbered, reverse=True)]


def newest_checkpoint(folder: Path, communicator) -> tuple[Checkpoint, list[str]]:
    """The newest undamaged checkpoint and a line about each damaged one that was passed over; collective.

    With as many ranks as wrote it, every rank gets back the rows it had; with another number, an even share.
    Raises DataFileError when there is none.
    """
    passed_over: list[str] = []
    candidates = communicator.bcast(checkpoints(folder) if communicator.rank == 0 else None)
    for path in candidates:
        problem = _damage(path, communicator)
        if not problem:
            return _read(path, communicator), passed_over
        passed_over.append(f"{path}: {problem}; passed over")
    found = "\n".join(passed_over) or f"{folder}: holds no checkpoint-*.h5"
    raise DataFileError(f"{found}\nnothing to resume from; run the job from its start")


def stored_job(folder: Path) -> str:
    """Text of the job in the newest checkpoint whose metadata can be read.  Raises DataFileError when there
    is none."""
    reasons = []
    for path in checkpoints(folder):
        try:
            return _metadata(path)["job"]
        except DataFileError as problem:
            reasons.append(str(problem))
    raise DataFileError("\n".join(reasons) or f"{folder}: holds no checkpoint-*.h5; nothing to resume from")


_STEP = re.compile(r"checkpoint-(\d+)\.h5")


def _metadata(path: Path) -> dict:
    with open_hdf5(path) as file:
        try:
            text, checksum = file.attrs["metadata"], file.attrs["checksum"]
        except (KeyError, OSError) as problem:
            raise DataFileError(f"{path}: is not a checkpoint, or damaged ({problem})") from problem
    if zlib.crc32(text.encode()) != checksum:
        raise DataFileError(f"{path}: is damaged: the checksum of its metadata is wrong")
    metadata = json.loads(text)
    if metadata["format"] != FORMAT:
        raise DataFileError(
            f"{path}: has format {metadata['format']}; this version of hpcphys reads {FORMAT}"
        )
    return metadata


def _damage(path: Path, communicator) -> str:
    """What is wrong with a checkpoint, "" if nothing; the ranks share the work of reading it through."""
    try:
        names = _metadata(path)["arrays"]
        with open_hdf5(path) as file:
            rows, stored = file["ranks/rows"][:], file["ranks/checksum"][:]
            starts = np.concatenate(([0], np.cumsum(rows)))
            problem = ""
            for writer in range(communicator.rank, len(rows), communicator.size):
                for column, name in enumerate(names):
                    found = _dataset_checksum(file[f"state/{name}"], starts[writer], starts[writer + 1])
                    if found != stored[writer, column]:
                        problem = f"is damaged: the checksum of {name} of rank {writer} is wrong"
    except (OSError, KeyError, ValueError, RuntimeError) as failure:
        problem = str(failure).removeprefix(f"{path}: ")
    return next((text for text in communicator.allgather(problem) if text), "")


def _read(path: Path, communicator) -> Checkpoint:
    metadata = _metadata(path)
    with open_hdf5(path) as file:
        counts = file["ranks/rows"][:]
    if len(counts) == communicator.size:
        first = int(counts[: communicator.rank].sum())
        mine = (first, first + int(counts[communicator.rank]))
    else:
        mine = even_rows(int(counts.sum()), communicator.rank, communicator.size)
    names = metadata["arrays"]
    rows = read_rows(path, communicator, [f"state/{name}" for name in names], rows=mine)
    return Checkpoint(
        path=path,
        arrays={name: rows[f"state/{name}"] for name in names},
        time=metadata["time"],
        step=metadata["step"],
        scalars=metadata["scalars"],
        memory=metadata["memory"],
        job=metadata["job"],
        ranks=len(counts),
    )


def _checksum(array: np.ndarray, before: int = 0) -> int:
    return zlib.crc32(array.reshape(-1).view(np.uint8).data, before)


def _dataset_checksum(dataset, first: int, last: int) -> int:
    """Checksum of rows first..last, read in pieces that need little memory."""
    width = max(1, dataset.dtype.itemsize * int(np.prod(dataset.shape[1:], dtype=np.int64)))
    rows = max(1, VERIFY_BYTES // width)
    checksum = 0
    for start in range(int(first), int(last), rows):
        checksum = _checksum(np.ascontiguousarray(dataset[start : min(start + rows, int(last))]), checksum)
    return checksum
