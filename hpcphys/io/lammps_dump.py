"""LAMMPS text dumps: frames of atoms with named columns, read and written by all ranks.

Read: id, type, mol, mass; x y z, xu yu zu, xs ys zs or xsu ysu zsu; ix iy iz; vx vy vz; fx fy fz; whatever
else stands there is kept by its name.  ids, types and molecules count from 1 in the file, from 0 in arrays.
Source: LAMMPS manual, "dump command", "Howto triclinic".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hpcphys.decomposition.by_id import ById
from hpcphys.io.configuration import Configuration, unwrapped, wrapped
from hpcphys.io.rows import DataFileError
from hpcphys.io.text_files import Lines, formatted, write_text

XYZ = "xyz"
WRITTEN = ("id", "type", "x", "y", "z", "ix", "iy", "iz", "vx", "vy", "vz")


@dataclass(frozen=True)
class Frame:
    """One frame's place in the file: the step, the bytes of its atoms, their columns, the box."""

    step: int
    atoms: int
    start: int
    stop: int
    columns: tuple[str, ...]
    vectors: np.ndarray
    origin: np.ndarray
    periodic: tuple[bool, bool, bool]


class LammpsDump:
    """The frames of a dump file; made and used by all ranks together.

    frames: in the order of the file.  Each rank reads its share of the file once to find them.
    Raises DataFileError on all ranks, with the line, for a frame that is not complete.
    """

    def __init__(self, path: str | Path, communicator):
        self.path, self.communicator = Path(path), communicator
        with Lines(path, communicator) as lines:
            items = lines.headings(lambda line: line.startswith(b"ITEM:"))
            ends = [place for place, _ in items[1:]] + [lines.size]
            self.frames: list[Frame] = _frames(lines, items, ends)

    def read(self, frame: int = -1) -> Configuration:
        """This rank's share of a frame, in the order of ids.  Collective.

        Raises IndexError for a frame that is not there, DataFileError for columns that give no position.
        """
        chosen = self.frames[frame]
        with Lines(self.path, self.communicator) as lines:
            table = lines.numbers(chosen.start, chosen.stop, len(chosen.columns), f"step {chosen.step}")
            total = int(self.communicator.allreduce(len(table)))
            wrong = f"step {chosen.step} has {total} lines of atoms; it says {chosen.atoms}"
            lines.raise_together(wrong if total != chosen.atoms else "")
        arrays, extra = _arrays(self.path, table, chosen, self.communicator)
        every = {**arrays, **extra}
        names = [name for name in every if name != "id"]
        identity, rows = ById.of(self.communicator, arrays["id"]).forward(
            arrays["id"], [every[name] for name in names]
        )
        found = dict(zip(names, rows, strict=True))
        kept = {name: found.pop(name) for name in extra}
        return Configuration(
            {"id": identity, **found}, chosen.vectors, chosen.origin, chosen.periodic, chosen.step, extra=kept
        )


def write_lammps_dump(
    path: str | Path, communicator, arrays: Mapping[str, np.ndarray], vectors, origin=(0.0, 0.0, 0.0), *,
    step: int = 0, periodic=(True, True, True), columns: Sequence[str] = WRITTEN, append: bool = False,
    digits: int = 17,
) -> int:  # fmt: skip
    """Write or append one frame, in the order of ids.  Collective.  Returns the size of the file.

    arrays: position, id and what the columns need;  vectors: lower triangular
    columns: of id, type, mol, mass, x y z (in the box), xu yu zu (unwrapped), xs ys zs (fractions), ix iy iz,
        vx vy vz, fx fy fz.  digits: of real numbers; 17 are exact
    Raises ValueError for a column that cannot be had, DataFileError on all ranks when one cannot write.
    """
    edges = np.asarray(vectors, dtype=np.float64)
    needed = [name for name in NEEDS if name in arrays]
    identity, rows = ById.of(communicator, arrays["id"]).forward(
        arrays["id"], [np.asarray(arrays[name]) for name in needed]
    )
    table = {"id": identity, **dict(zip(needed, rows, strict=True))}
    values, formats = [], []
    for name in columns:
        column = _column(name, table, edges, np.asarray(origin))
        values.append(column)
        formats.append("%d" if column.dtype.kind in "iu" else f"%.{digits}g")
    total = int(communicator.allreduce(len(identity)))
    heading = f"ITEM: TIMESTEP\n{step}\nITEM: NUMBER OF ATOMS\n{total}\n{_box_text(edges, origin, periodic)}"
    heading += f"ITEM: ATOMS {' '.join(columns)}\n"
    return write_text(path, communicator, [(heading, list(formatted(values, formats)))], append)


NEEDS = ("position", "image", "velocity", "force", "type", "molecule", "mass")


def _column(name: str, table: dict[str, np.ndarray], vectors, origin) -> np.ndarray:
    simple = {"id": ("id", 1), "type": ("type", 1), "mol": ("molecule", 1), "mass": ("mass", 0)}
    try:
        if name in simple:
            array, offset = simple[name]
            return table[array] + offset if offset else table[array]
        if name in ("x", "y", "z"):
            return table["position"][:, XYZ.index(name)]
        if name in ("xu", "yu", "zu"):
            return unwrapped(table["position"], table["image"], vectors)[:, XYZ.index(name[0])]
        if name in ("xs", "ys", "zs"):
            return ((table["position"] - origin) @ np.linalg.inv(vectors))[:, XYZ.index(name[0])]
        if len(name) == 2 and name[1] in XYZ and name[0] in "ivf":
            array = {"i": "image", "v": "velocity", "f": "force"}[name[0]]
            return table[array][:, XYZ.index(name[1])]
    except KeyError as missing:
        raise ValueError(f"column '{name}' needs the array {missing}, which was not given") from None
    raise ValueError(f"column '{name}' is unknown; known are id type mol mass x xu xs ix vx fx and so on")


def _box_text(vectors, origin, periodic) -> str:
    """The bounds that a tilted box is written with enclose it."""
    flags = " ".join("pp" if p else "ff" for p in periodic)
    yx, zx, zy = vectors[1, 0], vectors[2, 0], vectors[2, 1]
    low, high = np.array(origin, dtype=float), np.array(origin, dtype=float) + np.diag(vectors)
    if not np.tril(vectors, -1).any():
        lines = [f"{a:.17g} {b:.17g}\n" for a, b in zip(low, high, strict=True)]
        return f"ITEM: BOX BOUNDS {flags}\n" + "".join(lines)
    corners = np.array([0.0, yx, zx, yx + zx])
    low[0], high[0] = low[0] + corners.min(), high[0] + corners.max()
    low[1], high[1] = low[1] + min(0.0, zy), high[1] + max(0.0, zy)
    rows = zip(low, high, (yx, zx, zy), strict=True)
    return f"ITEM: BOX BOUNDS xy xz yz {flags}\n" + "".join(
        f"{a:.17g} {b:.17g} {t:.17g}\n" for a, b, t in rows
    )


def _frames(lines: Lines, items: list[tuple[int, bytes]], ends: list[int]) -> list[Frame]:
    if not items:
        raise DataFileError(f"{lines.path}: is not a LAMMPS dump: no line begins with 'ITEM:'")
    found: list[Frame] = []
    parts: dict[str, tuple[int, int, bytes]] = {}
    for (place, line), end in zip(items, ends, strict=True):
        words = line[5:].strip()
        name = next(
            (
                n
                for n in ("TIMESTEP", "NUMBER OF ATOMS", "BOX BOUNDS", "ATOMS")
                if words.startswith(n.encode())
            ),
            "",
        )
        parts[name] = (place + len(line), end, words)
        if name != "ATOMS":
            continue
        missing = [n for n in ("TIMESTEP", "NUMBER OF ATOMS", "BOX BOUNDS") if n not in parts]
        if missing:
            raise DataFileError(
                f"{lines.path}: line {lines.line_number(place)}: a frame without 'ITEM: {missing[0]}'"
            )
        found.append(_frame(lines, parts))
        parts = {}
    if parts or not found:
        raise DataFileError(
            f"{lines.path}: "
            + ("its last frame is not complete" if found or parts else "is not a LAMMPS dump")
        )
    return found


def _frame(lines: Lines, parts: dict[str, tuple[int, int, bytes]]) -> Frame:
    def text(name: str) -> str:
        start, stop, _ = parts[name]
        return b"".join(piece for _, piece in lines.pieces(start, stop)).decode("utf-8", "replace")

    try:
        step, atoms = int(text("TIMESTEP").split()[0]), int(text("NUMBER OF ATOMS").split()[0])
        rows = np.array([line.split() for line in text("BOX BOUNDS").splitlines()[:3]], dtype=float)
        low, high = rows[:, 0].copy(), rows[:, 1].copy()
        tilt = rows[:, 2] if rows.shape[1] == 3 else np.zeros(3)
    except (ValueError, IndexError) as problem:
        number = lines.line_number(parts["TIMESTEP"][0])
        raise DataFileError(
            f"{lines.path}: line {number}: the frame that begins here has no number of atoms or no box "
            f"({problem})"
        ) from None
    corners = np.array([0.0, tilt[0], tilt[1], tilt[0] + tilt[1]])
    low[0], high[0] = low[0] - corners.min(), high[0] - corners.max()
    low[1], high[1] = low[1] - min(0.0, tilt[2]), high[1] - max(0.0, tilt[2])
    vectors = np.diag(high - low)
    vectors[1, 0], vectors[2, 0], vectors[2, 1] = tilt
    flags = [word for word in parts["BOX BOUNDS"][2].decode().split() if len(word) == 2 and word[0] in "pfsm"]
    found = [flag == "pp" for flag in flags] if len(flags) == 3 else [True] * 3
    periodic = (found[0], found[1], found[2])
    start, stop, words = parts["ATOMS"]
    return Frame(step, atoms, start, stop, tuple(words.decode().split()[1:]), vectors, low, periodic)


def _arrays(path: Path, table: np.ndarray, frame: Frame, communicator) -> tuple[dict, dict]:
    """The columns as arrays of a state; those of other names apart."""
    column = {name: table[:, k] for k, name in enumerate(frame.columns)}

    def three(*names: str) -> np.ndarray | None:
        if not all(name in column for name in names):
            return None
        return np.stack([column.pop(name) for name in names], axis=1)

    image = three("ix", "iy", "iz")
    position, unfolded = three("x", "y", "z"), three("xu", "yu", "zu")
    for names, target in ((("xs", "ys", "zs"), "position"), (("xsu", "ysu", "zsu"), "unfolded")):
        scaled = three(*names)
        if scaled is not None:
            place = scaled @ frame.vectors + frame.origin
            position, unfolded = (place, unfolded) if target == "position" else (position, place)
    if position is None and unfolded is None:
        raise DataFileError(
            f"{path}: step {frame.step} has columns {' '.join(frame.columns)}; positions need x y z, xu yu "
            "zu, xs ys zs or xsu ysu zsu"
        )
    if position is None:
        position, image = wrapped(unfolded, frame.vectors, frame.origin, frame.periodic)
    first = communicator.exscan(len(table))
    identity = column.pop("id", np.arange(first, first + len(table)) + 1.0).astype(np.int64) - 1
    arrays = {
        "id": identity, "position": position,
        "image": np.zeros(position.shape, np.int32) if image is None else image.astype(np.int32),
        "type": (column.pop("type", np.ones(len(table))) - 1).astype(np.int32),
    }  # fmt: skip
    if "mol" in column:
        arrays["molecule"] = column.pop("mol").astype(np.int64) - 1
    if "mass" in column:
        arrays["mass"] = column.pop("mass")
    for name, letter in (("velocity", "v"), ("force", "f")):
        found = three(*(letter + axis for axis in XYZ))
        if found is not None:
            arrays[name] = found
    return arrays, column
