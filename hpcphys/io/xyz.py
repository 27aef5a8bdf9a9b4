"""Extended XYZ: a number of atoms, a line with box and columns, a line for each atom; frame after frame.

    4
    Lattice="ax ay az bx by bz cx cy cz" Properties=species:S:1:pos:R:3:velo:R:3 Time=0.5 pbc="T T T"
    Ar 0.0 0.0 0.0 ...

Columns that are known: species, pos, id, velo (or vel), forces (or force), masses (or mass), image, mol.
Source: the extxyz specification of libAtoms and ASE.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hpcphys.decomposition.by_id import ById
from hpcphys.io.configuration import Configuration, lower_triangular, wrapped
from hpcphys.io.rows import DataFileError
from hpcphys.io.text_files import Lines, formatted, write_text

PAIR = re.compile(r"""([A-Za-z_][\w-]*)\s*=\s*(?:"([^"]*)"|'([^']*)'|(\S+))""")
ARRAYS = {
    "pos": "position", "id": "id", "velo": "velocity", "vel": "velocity", "forces": "force",
    "force": "force", "masses": "mass", "mass": "mass", "image": "image", "mol": "molecule",
}  # fmt: skip
VECTORS = ("position", "velocity", "force")


@dataclass(frozen=True)
class XyzFrame:
    """One frame's place in the file: line of its first atom, bytes of its atoms, the words of its comment."""

    atoms: int
    line: int
    start: int
    stop: int
    words: dict[str, str]


class ExtendedXyz:
    """The frames of an extended XYZ file; made and used by all ranks together.

    Rank 0 counts the lines of the file once (in pieces of a few megabytes) and tells where frames begin; each
    rank then reads its own share of a frame.
    Raises DataFileError on all ranks, with the line, for a frame that is not complete.
    """

    def __init__(self, path: str | Path, communicator):
        self.path, self.communicator = Path(path), communicator
        with Lines(path, communicator) as lines:
            found, problem = _frames(lines) if communicator.rank == 0 else ([], "")
            found, problem = communicator.bcast((found, problem))
            lines.raise_together(problem)
        self.frames: list[XyzFrame] = found

    def read(self, frame: int = -1, names: Sequence[str] = ()) -> Configuration:
        """This rank's share of a frame, in the order of ids (or of lines).  Collective.

        names: species in the order of their types; others follow in the order of their alphabet
        A box that is not lower triangular is turned, and with it positions, velocities and forces.
        Raises IndexError for a frame that is not there, DataFileError with the line for a bad line or box.
        """
        chosen = self.frames[frame]
        with Lines(self.path, self.communicator) as lines:
            columns = _columns(self.path, chosen)
            arrays, kinds, problem = self._share(lines, chosen, columns, tuple(names))
            lines.raise_together(problem)
        vectors, origin, periodic = _box(self.path, chosen)
        edges, turn = lower_triangular(vectors)
        for name in VECTORS:
            if name in arrays:
                arrays[name] = arrays[name] @ turn if not np.array_equal(turn, np.eye(3)) else arrays[name]
        if "image" not in arrays:
            arrays["position"], arrays["image"] = wrapped(arrays["position"], edges, origin, periodic)
        order = [name for name in arrays if name != "id"]
        identity, rows = ById.of(self.communicator, arrays["id"]).forward(
            arrays["id"], [arrays[name] for name in order]
        )
        arrays = {"id": identity, **dict(zip(order, rows, strict=True))}
        time = float(chosen.words.get("Time", chosen.words.get("time", 0.0)))
        step = int(float(chosen.words.get("Step", chosen.words.get("step", 0))))
        return Configuration(arrays, edges, origin, periodic, step, time, kinds)

    def _share(self, lines: Lines, frame: XyzFrame, columns, names) -> tuple[dict, tuple[str, ...], str]:
        """This rank's rows as arrays, the names of the types, and what is wrong."""
        width = sum(count for _, _, count in columns)
        begin, end = lines.share(frame.start, frame.stop)
        tables: list[np.ndarray] = []
        problem = ""
        for place, piece in lines.pieces(begin, end):
            counts = [len(line.split()) for line in piece.splitlines()]
            bad = next((k for k, count in enumerate(counts) if count != width), None)
            if bad is not None:
                problem = (
                    f"line {lines.line_number(place) + bad}: found {counts[bad]} columns, the frame's "
                    f"Properties ask for {width}"
                )
                break
            tables.append(np.array(piece.split(), dtype="S").reshape(-1, width))
        words = np.concatenate(tables) if tables else np.empty((0, width), dtype="S1")
        first = self.communicator.exscan(len(words))
        arrays: dict[str, np.ndarray] = {"id": np.arange(first, first + len(words), dtype=np.int64)}
        species = np.array([], dtype="S1")
        at = 0
        for name, kind, count in columns:
            table = words[:, at : at + count]
            at += count
            if name == "species":
                species = table[:, 0]
            elif name in ARRAYS and kind in "RI" and not problem:
                try:
                    arrays[ARRAYS[name]] = _numbers(table, kind, name)
                except ValueError as error:
                    problem = f"lines {frame.line} … {frame.line + frame.atoms - 1}: column '{name}': {error}"
        kinds = self._kinds(species, names)
        number = {name.encode(): k for k, name in enumerate(kinds)}
        arrays["type"] = np.array([number[word] for word in species.tolist()], dtype=np.int32)
        if not len(species):
            arrays["type"] = np.zeros(len(words), np.int32)
        return arrays, kinds, problem

    def _kinds(self, species: np.ndarray, names: tuple[str, ...]) -> tuple[str, ...]:
        here = sorted({word.decode("utf-8", "replace") for word in set(species.tolist())})
        found = sorted({name for part in self.communicator.allgather(here) for name in part})
        return (*names, *(name for name in found if name not in names))


def write_xyz(
    path: str | Path, communicator, arrays: Mapping[str, np.ndarray], vectors, origin=(0.0, 0.0, 0.0), *,
    names: Sequence[str] = (), step: int = 0, time: float = 0.0, periodic=(True, True, True),
    append: bool = False, digits: int = 17,
) -> int:  # fmt: skip
    """Write or append one frame, in the order of ids, with what there is of position, velocity, mass, image.

    names: species of the types; type k without one is called X<k + 1>
    Numbers have 17 digits by default: what is read is what was written.  Returns the size.  Collective.
    Raises DataFileError on all ranks when one cannot write.
    """
    needed = [name for name in ("type", "position", "velocity", "mass", "image") if name in arrays]
    identity, rows = ById.of(communicator, arrays["id"]).forward(
        arrays["id"], [np.asarray(arrays[name]) for name in needed]
    )
    table = dict(zip(needed, rows, strict=True))
    kind = table.pop("type", np.zeros(len(identity), np.int32))
    most = int(communicator.allreduce(int(kind.max(initial=-1)), "max")) + 1
    labels = np.array(
        [names[k] if k < len(names) else f"X{k + 1}" for k in range(max(most, 1))], dtype=object
    )
    real = f"%.{digits}g"
    columns, formats, properties = [labels[kind]], ["%s"], "species:S:1"
    for name, label in (("position", "pos"), ("velocity", "velo"), ("mass", "masses"), ("image", "image")):
        if name in table:
            whole, width = name == "image", 1 if name == "mass" else 3
            columns.append(table[name])
            formats += ["%d" if whole else real] * width
            properties += f":{label}:{'I' if whole else 'R'}:{width}"
    columns.append(identity)
    formats.append("%d")
    total = int(communicator.allreduce(len(identity)))
    cell = " ".join(f"{x:.17g}" for x in np.asarray(vectors, dtype=float).ravel())
    corner = " ".join(f"{x:.17g}" for x in origin)
    flags = " ".join("T" if p else "F" for p in periodic)
    heading = (
        f'{total}\nLattice="{cell}" Origin="{corner}" Properties={properties}:id:I:1 Step={step} '
        f'Time={time:.17g} pbc="{flags}"\n'
    )
    return write_text(path, communicator, [(heading, list(formatted(columns, formats)))], append)


def _frames(lines: Lines) -> tuple[list[XyzFrame], str]:
    """Every frame of the file, by counting lines; or what is wrong with the first bad one."""
    found: list[XyzFrame] = []
    place, number = 0, 1
    while place < lines.size:
        head, behind = _next_line(lines, place)
        if not head.strip():
            place, number = behind, number + 1
            continue
        try:
            atoms = int(head)
        except ValueError:
            text = head.decode("utf-8", "replace").strip()[:60]
            return found, f"line {number}: a frame begins with its number of atoms; found '{text}'"
        comment, start = _next_line(lines, behind)
        stop, counted = _after_lines(lines, start, atoms)
        if counted < atoms:
            return found, f"line {number}: a frame of {atoms} atoms begins here, and {counted} lines follow"
        words = {m[1]: next(text for text in m.groups()[1:] if text is not None)
                 for m in PAIR.finditer(comment.decode("utf-8", "replace"))}  # fmt: skip
        found.append(XyzFrame(atoms, number + 2, start, stop, words))
        place, number = stop, number + 2 + atoms
    return found, "" if found else "holds no frame"


def _next_line(lines: Lines, place: int) -> tuple[bytes, int]:
    """The line that begins at a byte, and where the next one does."""
    stop = min(place + (1 << 16), lines.size)
    for _, piece in lines.pieces(place, stop):
        end = piece.find(b"\n") + 1 or len(piece)
        return piece[:end], place + end
    return b"", lines.size


def _after_lines(lines: Lines, place: int, count: int) -> tuple[int, int]:
    """The byte behind `count` lines from a byte on, and how many lines there were."""
    counted = 0
    for start, piece in lines.pieces(place, lines.size) if count else ():
        here = piece.count(b"\n") + (not piece.endswith(b"\n"))
        if counted + here >= count:
            ends = np.flatnonzero(np.frombuffer(piece, np.uint8) == ord("\n"))
            last = count - counted - 1
            return start + (int(ends[last]) + 1 if last < len(ends) else len(piece)), count
        counted, place = counted + here, start + len(piece)
    return place, counted


def _columns(path: Path, frame: XyzFrame) -> list[tuple[str, str, int]]:
    """(name, kind, how many) of each property; those of plain XYZ where the comment names none."""
    words = frame.words.get("Properties", "species:S:1:pos:R:3").split(":")
    try:
        columns = [(words[k], words[k + 1], int(words[k + 2])) for k in range(0, len(words), 3)]
    except (ValueError, IndexError):
        raise DataFileError(
            f"{path}: line {frame.line - 1}: Properties={':'.join(words)} is not name:kind:number, repeated"
        ) from None
    if ("pos", "R", 3) not in columns:
        raise DataFileError(f"{path}: line {frame.line - 1}: Properties must hold pos:R:3")
    return columns


def _numbers(table: np.ndarray, kind: str, name: str) -> np.ndarray:
    values = table.astype(np.float64)
    values = values[:, 0] if values.shape[1] == 1 else values
    if kind == "I" or name == "id":
        return values.astype(np.int32 if name == "image" else np.int64)
    return values


def _box(path: Path, frame: XyzFrame) -> tuple[np.ndarray, np.ndarray, tuple[bool, bool, bool]]:
    try:
        numbers = [float(word) for word in frame.words["Lattice"].split()]
        vectors = np.array(numbers).reshape(3, 3)
        origin = np.array([float(word) for word in frame.words.get("Origin", "0 0 0").split()])
        if np.linalg.det(vectors) <= 0.0 or origin.shape != (3,):
            raise ValueError("its vectors are not right-handed, or its origin has not three numbers")
    except KeyError:
        raise DataFileError(
            f'{path}: line {frame.line - 1}: the frame has no box: Lattice="…" is needed'
        ) from None
    except ValueError as problem:
        raise DataFileError(f"{path}: line {frame.line - 1}: the box cannot be read ({problem})") from None
    flags = frame.words.get("pbc", "T T T").split()
    return vectors, origin, tuple(flag.upper().startswith("T") for flag in flags)  # type: ignore[return-value]
