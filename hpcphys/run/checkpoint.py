"""Checkpoints: everything that a bit-for-bit continuation needs, and the proof that it is undamaged.

checkpoint-<step>.h5 holds
  state/<array>        the rows of all ranks, in rank order; fields in blocks in their global order
  ranks/rows           (ranks,) rows of each rank
  ranks/boxes/<array>  (ranks, 2, axes) start and shape of each rank's box, for fields in blocks
  ranks/checksum       (ranks, arrays) CRC-32 of each rank's part of each array
  attribute metadata   JSON: time, step, scalars, the run loop's own memory, array names, the job, versions
with a CRC-32 of the metadata beside it.  Files without blocks are of format 1, with them of format 2.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from hpcphys import __version__
from hpcphys.io.blocks import Block
from hpcphys.io.rows import DataFileError, even_rows, open_hdf5, read_block, read_rows, write_rows

FORMAT_ROWS, FORMAT_BLOCKS = 1, 2
VERIFY_BYTES = 1 << 26


@dataclass(frozen=True)
class Checkpoint:
    """A valid checkpoint, with this rank's rows.

    arrays: name -> rows;  scalars: the state's;  memory: the run loop's;  job: text of the effective job;
    ranks: how many ranks wrote it;  fields: shapes of the arrays that were written in blocks, which `block`
    reads for whatever layout the ranks have now.
    """

    path: Path
    arrays: dict[str, np.ndarray]
    time: float
    step: int
    scalars: dict[str, float | int]
    memory: dict
    job: str
    ranks: int
    fields: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def block(self, name: str, start: Sequence[int], shape: Sequence[int]) -> np.ndarray:
        """The box of `shape` from index `start` on of an array, in its global order; not collective.

        For a Pencil: block(name, pencil.substart, pencil.subshape).  Raises DataFileError for an array that
        the checkpoint does not hold, or a box that does not lie in it.
        """
        return read_block(self.path, f"state/{name}", start, shape)


def write_checkpoint(
    folder: Path,
    communicator,
    arrays: Mapping[str, np.ndarray | Block],
    time: float,
    step: int,
    *,
    scalars,
    memory,
    job: str,
    keep: int,
) -> Path:
    """Write checkpoint-<step>.h5 and remove all but the newest `keep`; collective.

    arrays: name -> this rank's rows, or its Block of a field in pencils (host memory).
    Raises DataFileError on all ranks; older files stay.
    """
    path = folder / f"checkpoint-{step:08d}.h5"
    blocks = {name: part for name, part in arrays.items() if isinstance(part, Block)}
    metadata = json.dumps(
        {
            "format": FORMAT_BLOCKS if blocks else FORMAT_ROWS,
            "version": __version__,
            "time": time,
            "step": step,
            "scalars": dict(scalars),
            "memory": memory,
            "arrays": list(arrays),
            "job": job,
            **({"blocks": {name: block.shape for name, block in blocks.items()}} if blocks else {}),
        }
    )
    rows = {name: np.ascontiguousarray(a) for name, a in arrays.items() if not isinstance(a, Block)}
    checksums = [_checksum(blocks[name].array if name in blocks else rows[name]) for name in arrays]
    datasets: dict[str, np.ndarray | Block] = {f"state/{name}": array for name, array in rows.items()}
    datasets |= {f"state/{name}": block for name, block in blocks.items()}
    datasets["ranks/rows"] = np.array([len(next(iter(rows.values()), ()))], dtype=np.int64)
    for name, block in blocks.items():
        datasets[f"ranks/boxes/{name}"] = np.array([[block.start, block.array.shape]], dtype=np.int64)
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
    Of fields in blocks no rank gets anything here: each reads its own box by Checkpoint.block.
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
    if metadata["format"] not in (FORMAT_ROWS, FORMAT_BLOCKS):
        raise DataFileError(
            f"{path}: has format {metadata['format']}; this version of hpcphys reads {FORMAT_ROWS} and "
            f"{FORMAT_BLOCKS}"
        )
    return metadata


def _damage(path: Path, communicator) -> str:
    """What is wrong with a checkpoint, "" if nothing; the ranks share the work of reading it through."""
    try:
        metadata = _metadata(path)
        blocks = metadata.get("blocks", {})
        with open_hdf5(path) as file:
            rows, stored = file["ranks/rows"][:], file["ranks/checksum"][:]
            starts = np.cumsum(rows) - rows
            problem = ""
            for writer in range(communicator.rank, len(rows), communicator.size):
                for column, name in enumerate(metadata["arrays"]):
                    dataset = file[f"state/{name}"]
                    if name in blocks:
                        start, shape = file[f"ranks/boxes/{name}"][writer]
                    else:
                        behind = dataset.shape[1:]
                        start, shape = (starts[writer], *(0 for _ in behind)), (rows[writer], *behind)
                    found = _dataset_checksum(dataset, start, shape)
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
    fields = {name: tuple(shape) for name, shape in metadata.get("blocks", {}).items()}
    names = [name for name in metadata["arrays"] if name not in fields]
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
        fields=fields,
    )


def _checksum(array: np.ndarray, before: int = 0) -> int:
    return zlib.crc32(array.reshape(-1).view(np.uint8).data, before)


def _dataset_checksum(dataset, start: Sequence[int], shape: Sequence[int]) -> int:
    """Checksum of a box of a dataset, read in pieces that need little memory."""
    first, count = int(start[0]), int(shape[0])
    inside = tuple(slice(int(s), int(s) + int(n)) for s, n in zip(start[1:], shape[1:], strict=True))
    width = max(1, dataset.dtype.itemsize * int(np.prod(shape[1:], dtype=np.int64)))
    rows = max(1, VERIFY_BYTES // width)
    checksum = 0
    for row in range(first, first + count, rows):
        piece = dataset[(slice(row, min(row + rows, first + count)), *inside)]
        checksum = _checksum(np.ascontiguousarray(piece), checksum)
    return checksum
