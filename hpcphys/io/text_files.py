"""Text files with millions of lines, read and written by all ranks, each its own stretch of bytes.

A rank reads [size·r/P, size·(r+1)/P) of a stretch, moved to the beginnings of lines, in pieces: its memory is
that of its own rows.  To write, each rank formats its own rows; their lengths tell where they go.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from hpcphys.io.rows import DataFileError, reason_of

PIECE = 1 << 23  # bytes read, and rows formatted 1 << 16, at a time
ROWS = 1 << 16


class Lines:
    """One rank's view of a text file.  Raises DataFileError where the file cannot be opened."""

    def __init__(self, path: str | Path, communicator):
        self.path, self.communicator = Path(path), communicator
        try:
            self.size = self.path.stat().st_size
            self._file = open(self.path, "rb")  # noqa: SIM115 - closed by `close`
        except OSError as problem:
            raise DataFileError(f"{path}: cannot be read: {problem.strerror}") from problem

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *_exception) -> None:
        self._file.close()

    def share(self, start: int, stop: int) -> tuple[int, int]:
        """This rank's bytes of the whole lines in [start, stop), both at beginnings of lines."""
        rank, size = self.communicator.rank, self.communicator.size
        ends = [start + (stop - start) * r // size for r in (rank, rank + 1)]
        return self._line_start(ends[0], start, stop), self._line_start(ends[1], start, stop)

    def _line_start(self, place: int, start: int, stop: int) -> int:
        """The first beginning of a line at or behind a place."""
        if place <= start or place >= stop:
            return min(max(place, start), stop)
        self._file.seek(place - 1)
        while place < stop:
            piece = self._file.read(min(1 << 16, stop - place + 1))
            found = piece.find(b"\n")
            if found >= 0:
                return min(place + found, stop)
            place += len(piece)
            if not piece:
                break
        return stop

    def pieces(self, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        """(place, whole lines) of [start, stop), in pieces of some megabytes."""
        rest, place = b"", start
        self._file.seek(start)
        while place + len(rest) < stop:
            self._file.seek(place + len(rest))
            block = self._file.read(min(PIECE, stop - place - len(rest)))
            if not block:
                break
            block = rest + block
            cut = block.rfind(b"\n") + 1 if place + len(block) < stop else len(block)
            if cut:
                yield place, block[:cut]
            place, rest = place + cut, block[cut:]

    def line_number(self, place: int) -> int:
        """The number (from 1) of the line that begins at a byte; reads all before it: for messages."""
        return 1 + sum(piece.count(b"\n") for _, piece in self.pieces(0, place))

    def headings(self, is_heading: Callable[[bytes], bool]) -> list[tuple[int, bytes]]:
        """(byte, line) of every line of which is_heading(line) is true, of all ranks' shares.  Collective."""
        found = []
        for place, piece in self.pieces(*self.share(0, self.size)):
            for line in piece.splitlines(keepends=True):
                if is_heading(line):
                    found.append((place, line))
                place += len(line)
        return [heading for part in self.communicator.allgather(found) for heading in part]

    def numbers(self, start: int, stop: int, columns: int | None, what: str) -> np.ndarray:
        """(rows, columns) float64 of this rank's share of the lines in [start, stop).  Collective.

        Comments (#) and empty lines are passed over.  columns: the numbers of every line, or None: as many
        as the first has.  Raises DataFileError on all ranks, with the line, for what is no such row.
        """
        begin, end = self.share(start, stop)
        tables, problem = [], ""
        width = columns
        for place, piece in self.pieces(begin, end):
            table, problem = self._table(place, piece, width, what)
            if problem:
                break
            width = table.shape[1] if len(table) else width
            tables.append(table)
        self.raise_together(problem)
        found = self.communicator.allreduce(-1 if width is None else width, "max")
        wrong = width not in (None, found)
        self.raise_together(f"{what}: lines have {width} columns here and {found} elsewhere" if wrong else "")
        return np.concatenate(tables) if tables else np.empty((0, max(found, 0)))

    def _table(self, place: int, piece: bytes, columns: int | None, what: str) -> tuple[np.ndarray, str]:
        """The numbers of whole lines; or nothing, and what is wrong with which line."""
        if b"#" in piece:
            plain = b"\n".join(line.partition(b"#")[0] for line in piece.split(b"\n"))
        else:
            plain = piece
        words = plain.split()
        first = next((line for line in plain.split(b"\n") if line.strip()), b"")
        width = columns or len(first.split())
        if not words:
            return np.empty((0, width)), ""
        try:
            values = np.array(words, dtype="S").astype(np.float64)
            if values.size % width == 0 and self._even(plain, width):
                return values.reshape(-1, width), ""
        except ValueError:
            pass
        return np.empty((0, width)), self._bad_line(place, plain, width, what)

    @staticmethod
    def _even(plain: bytes, width: int) -> bool:
        """Does every line that is not empty have so many words?"""
        return all(len(line.split()) in (0, width) for line in plain.split(b"\n"))

    def _bad_line(self, place: int, plain: bytes, width: int, what: str) -> str:
        number = self.line_number(place)
        for line in plain.split(b"\n"):
            words = line.split()
            if words and len(words) != width:
                return (
                    f"line {number}: {what}: found {len(words)} columns, {width} are needed: {_shown(line)}"
                )
            for word in words:
                try:
                    float(word)
                except ValueError:
                    return f"line {number}: {what}: '{_shown(word)}' is not a number"
            number += 1
        return f"line {number}: {what}: cannot be read"

    def raise_together(self, problem: str) -> None:
        """DataFileError on all ranks with the first problem of any rank, if there is one.  Collective."""
        if not self.communicator.agree(bool(problem)):
            return
        first = next(text for text in self.communicator.allgather(problem) if text)
        raise DataFileError(f"{self.path}: {first}")


def _shown(text: bytes) -> str:
    return text.decode("utf-8", "replace").strip()[:60]


def formatted(columns: Sequence[np.ndarray], formats: Sequence[str]) -> Iterator[bytes]:
    """Lines of rows of columns, some ten thousand at a time.

    columns: (n,) or (n, k) each;  formats: one for each number, such as "%d" or "%.17g"
    """
    line = " ".join(formats) + "\n"
    flat = [column[:, k] if column.ndim > 1 else column for column in columns for k in range(_width(column))]
    rows = len(flat[0]) if flat else 0
    for start in range(0, rows, ROWS):
        part = [column[start : start + ROWS].tolist() for column in flat]
        yield "".join([line % row for row in zip(*part, strict=True)]).encode()


def _width(column: np.ndarray) -> int:
    return column.shape[1] if column.ndim > 1 else 1


def write_text(
    path: str | Path, communicator, sections: Sequence[tuple[str, Sequence[bytes]]], append: bool = False
) -> int:
    """Write sections one after the other: each a heading and all ranks' lines in rank order.  Collective.

    sections: (heading, this rank's blocks of lines); headings are rank 0's
    append: add to the file if it is there; else it is written under a temporary name and takes its own at the
    end, so that a reader never sees a part.
    Returns the size of the file.  Raises DataFileError on all ranks if one cannot write.
    """
    path = Path(path)
    target = path if append else path.with_name(f".{path.name}.partial")
    place, message = 0, ""
    if communicator.rank == 0:
        try:
            with open(target, "ab" if append else "wb") as file:
                place = file.tell()
        except OSError as problem:
            message = reason_of(problem)
    begin, message = communicator.bcast((place, message))
    # All places are known before the first byte is written: a rank that cannot write stops no other.
    end, parts = begin, []
    for heading, blocks in sections:
        own = [heading.encode() if communicator.rank == 0 else b"", *blocks]
        length = sum(len(block) for block in own)
        parts.append((end + communicator.exscan(length), own))
        end += int(communicator.allreduce(length))
    if not message:
        message = _write_parts(target, parts)
    messages = [text for text in communicator.allgather(message) if text]
    if communicator.rank == 0:
        if messages:
            _undo(target, begin if append else None)
        elif not append:
            os.replace(target, path)
    communicator.barrier()
    if messages:
        raise DataFileError(f"{path}: cannot be written: {messages[0]}")
    return end


def _write_parts(target: Path, parts: Sequence[tuple[int, Sequence[bytes]]]) -> str:
    """Write blocks one after the other from each place on; why it failed, or ""."""
    try:
        with open(target, "r+b", buffering=0) as file:
            for at, blocks in parts:
                for block in blocks:
                    done = 0
                    while done < len(block):
                        done += os.pwrite(file.fileno(), block[done:], at + done)
                    at += len(block)
            os.fsync(file.fileno())
    except OSError as problem:
        return reason_of(problem)
    return ""


def _undo(target: Path, size: int | None) -> None:
    if size is None:
        target.unlink(missing_ok=True)
    else:
        os.truncate(target, size)
