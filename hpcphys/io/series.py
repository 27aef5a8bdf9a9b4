"""diagnostics.h5 and diagnostics.csv: what is conserved or watched, as time series; and others like it.

Rows are collected in memory and appended to a copy of the file, which then replaces it by a rename: whenever
the run is killed, the file on disk is complete.  A resumed run cuts the series back to its checkpoint and
goes on.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from hpcphys.io.rows import DataFileError, open_hdf5, reason_of

CSV_COLUMNS = 8
"""Vectors up to this length have columns in the CSV file; longer ones (profiles) are in the HDF5 file
alone."""

FLUSH_SECONDS = 5.0


class Series:
    """The growing time series of a run, written by one rank.

    folder: the output folder; attributes: text and numbers kept with the file (the job)
    name: of the files; diagnostics alone have a CSV file beside the HDF5 file
    """

    def __init__(self, folder: Path, attributes: Mapping[str, object], name: str = "diagnostics") -> None:
        self.path = folder / f"{name}.h5"
        self.table = folder / f"{name}.csv" if name == "diagnostics" else None
        self.attributes = dict(attributes)
        self._rows: list[dict[str, np.ndarray]] = []
        self._next_flush = 0.0

    def truncate(self, step: int) -> int:
        """Forget rows after `step`; the number of rows kept.  A file that cannot be read is put aside."""
        if not self.path.exists():
            return 0
        try:
            with open_hdf5(self.path) as file:
                keep = int(np.searchsorted(file["step"][:], step, side="right"))
                kept = {name: dataset[:keep] for name, dataset in file.items()}
        except (DataFileError, OSError, KeyError):
            os.replace(self.path, self.path.with_suffix(".damaged.h5"))
            return 0
        self._replace(lambda copy: _fill(copy, kept, self.attributes), fresh=True)
        self._truncate_table(keep)
        return keep

    def append(self, row: Mapping[str, object]) -> None:
        """Add one row: scalars and vectors, always with the same names and shapes; must hold "step" and
        "time"."""
        arrays = {name: np.asarray(value) for name, value in row.items()}
        self._rows.append(arrays)
        self._append_table(arrays)
        if time.monotonic() >= self._next_flush:
            self.flush()

    def flush(self) -> None:
        """Bring all rows to the disk; raises DataFileError (the file as it was stays)."""
        if not self._rows:
            return
        began = time.monotonic()
        block = {name: np.stack([row[name] for row in self._rows]) for name in self._rows[0]}
        self._replace(lambda copy: _fill(copy, block, self.attributes), fresh=not self.path.exists())
        self._rows.clear()
        # At most one per cent of the time goes into writing, however long the series grows.
        ended = time.monotonic()
        self._next_flush = ended + max(FLUSH_SECONDS, 100.0 * (ended - began))

    def _replace(self, change, fresh: bool) -> None:
        import h5py

        copy = self.path.with_name(f".{self.path.name}.partial")
        try:
            # In memory first: HDF5 does not recover from a disk that fills up while it writes.
            name, mode = (copy, "w") if fresh else (self.path, "r+")
            with h5py.File(name, mode, driver="core", backing_store=False) as file:
                change(file)
                file.flush()
                image = file.id.get_file_image()
            copy.write_bytes(image)
            os.replace(copy, self.path)
        except OSError as problem:
            copy.unlink(missing_ok=True)
            raise DataFileError(f"{self.path}: cannot be written: {reason_of(problem)}") from problem

    def _append_table(self, row: Mapping[str, np.ndarray]) -> None:
        if self.table is None:
            return
        columns = [(name, value) for name, value in row.items() if value.size <= CSV_COLUMNS]
        try:
            with self.table.open("a", encoding="utf-8") as file:
                if file.tell() == 0:
                    file.write(",".join(name for column in columns for name in _column_names(*column)) + "\n")
                file.write(
                    ",".join(repr(number) for _, value in columns for number in value.ravel().tolist()) + "\n"
                )
        except OSError as problem:
            raise DataFileError(f"{self.table}: cannot be written: {reason_of(problem)}") from problem

    def _truncate_table(self, rows: int) -> None:
        if self.table is None or not self.table.exists():
            return
        kept = self.table.read_text(encoding="utf-8").splitlines(keepends=True)[: rows + 1]
        copy = self.table.with_name(f".{self.table.name}.partial")
        copy.write_text("".join(kept), encoding="utf-8")
        os.replace(copy, self.table)


def read_series(path: str | Path) -> dict[str, np.ndarray]:
    """All series of a diagnostics.h5: name -> (rows,) or (rows, k).  Raises DataFileError."""
    with open_hdf5(path) as file:
        return {name: dataset[:] for name, dataset in file.items()}


def _fill(file, block: Mapping[str, np.ndarray], attributes: Mapping[str, object]) -> None:
    """Append a block of rows to every dataset of an open file, making the datasets when they are not
    there."""
    for name, rows in block.items():
        if name not in file:
            shape = rows.shape[1:]
            file.create_dataset(
                name,
                data=rows,
                maxshape=(None, *shape),
                chunks=(max(1, 4096 // max(1, rows[:1].nbytes)), *shape),
            )
        else:
            dataset = file[name]
            dataset.resize(dataset.shape[0] + len(rows), axis=0)
            dataset[-len(rows) :] = rows
    for key, value in attributes.items():
        file.attrs[key] = value


def _column_names(name: str, value: np.ndarray) -> list[str]:
    if value.ndim == 0:
        return [name]
    ends = "xyz" if value.size == 3 else [str(index) for index in range(value.size)]
    return [f"{name}_{end}" for end in ends]
