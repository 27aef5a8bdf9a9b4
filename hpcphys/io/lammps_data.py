"""LAMMPS data files: atoms, velocities, masses, bonds and the box, read and written by all ranks.

Atom styles "atomic" (id type x y z), "molecular" and "bond" (id molecule type x y z), each perhaps with three
image numbers.  In the file ids, types and molecules count from 1; in arrays types count from 0, ids and
molecules are as in the file less 1.
Source: LAMMPS manual, "read_data command" and "Howto triclinic".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from hpcphys.decomposition.by_id import ById
from hpcphys.io.configuration import Configuration
from hpcphys.io.rows import DataFileError
from hpcphys.io.text_files import Lines, formatted, write_text

STYLES = {"atomic": 2, "molecular": 3, "bond": 3}
"""Whole numbers before the position on a line of section Atoms."""
SKIPPED = (
    "Bond Coeffs", "Angle Coeffs", "Dihedral Coeffs", "Improper Coeffs", "Pair Coeffs", "PairIJ Coeffs",
    "Angles", "Dihedrals", "Impropers", "Atom Type Labels", "Bond Type Labels",
)  # fmt: skip
SECTIONS = ("Atoms", "Velocities", "Masses", "Bonds", *SKIPPED)
HEADING = re.compile(rb"^\s*([A-Z][A-Za-z]*(?: [A-Z][A-Za-z]*)*)\s*(?:#\s*(\S+).*)?$")
HEADER_BYTES = 1 << 16


def read_lammps_data(path: str | Path, communicator, style: str | None = None) -> Configuration:
    """Read a data file; each rank gets an even share of the atoms, in the order of their ids.  Collective.

    style: of the atoms; by default what the file says behind "Atoms #", or else what its columns allow
    Masses are those of the types, 1 where the file has none.  Coefficients and angles are passed over.
    Raises DataFileError on all ranks, with the line, for whatever cannot be read.
    """
    with Lines(path, communicator) as lines:
        start, stop, header = _header(lines)
        counts, vectors, origin = _counts_and_box(lines, header)
        spans = _spans(lines, start, stop)
        if "Atoms" not in spans:
            lines.raise_together("has no section 'Atoms'")
        begin, end, hint = spans["Atoms"]
        table = lines.numbers(begin, end, None, "section Atoms")
        arrays = _atoms(lines, table, style or hint, counts)
        _join_masses(lines, spans, arrays, counts)
        order = ById.of(communicator, arrays["id"])
        names = [name for name in arrays if name != "id"]
        identity, rows = order.forward(arrays["id"], [arrays[name] for name in names])
        arrays = {"id": identity, **dict(zip(names, rows, strict=True))}
        _join_velocities(lines, spans, arrays, order, counts["atoms"])
        bonds = _bonds(lines, spans, counts.get("bonds", 0))
    return Configuration(arrays, vectors, origin, bonds=bonds)


def write_lammps_data(
    path: str | Path, communicator, arrays: Mapping[str, np.ndarray], vectors, origin=(0.0, 0.0, 0.0), *,
    masses: Sequence[float] | None = None, bonds: np.ndarray | None = None, bond_types=None,
    title: str = "written by hpcphys",
) -> int:  # fmt: skip
    """Write a data file in the order of ids; with `molecule` or bonds of style molecular, else atomic.

    arrays: position, id, type and perhaps image, velocity, molecule, mass;  vectors: lower triangular
    masses: of the types; by default those of the atoms, which must then be the same within a type
    bonds: (b, 2) this rank's share, by id;  bond_types: (b,), by default all 0
    Numbers have 17 digits: what is read is what was written, bit for bit.  Returns the size.  Collective.
    Raises ValueError for masses that differ within a type, DataFileError on all ranks when one cannot write.
    """
    kind = np.asarray(arrays["type"])
    types = int(communicator.allreduce(int(kind.max(initial=-1)), "max")) + 1
    weights = _masses_of_types(communicator, arrays, types) if masses is None else np.asarray(masses)
    molecular = "molecule" in arrays or bonds is not None
    names = [name for name in ("type", "molecule", "position", "image", "velocity") if name in arrays]
    identity, rows = ById.of(communicator, arrays["id"]).forward(
        arrays["id"], [np.asarray(arrays[name]) for name in names]
    )
    table = dict(zip(names, rows, strict=True))
    zeros = np.zeros((len(identity), 3), np.int32)
    molecule = [table.get("molecule", np.full(len(identity), -1)) + 1] if molecular else []
    columns = [identity + 1, *molecule, table["type"] + 1, table["position"], table.get("image", zeros)]
    formats = ["%d"] * (2 + len(molecule)) + ["%.17g"] * 3 + ["%d"] * 3
    style = "molecular" if molecular else "atomic"
    atoms = int(communicator.allreduce(len(identity)))
    bonded = np.empty((0, 2), np.int64) if bonds is None else np.asarray(bonds)
    bond_kind = np.zeros(len(bonded), np.int64) if bond_types is None else np.asarray(bond_types)
    total = int(communicator.allreduce(len(bonded)))
    kinds = int(communicator.allreduce(int(bond_kind.max(initial=-1)), "max")) + 1
    header = _header_text(title, atoms, types, total, kinds, np.asarray(vectors), np.asarray(origin))
    header += "Masses\n\n" + "".join(f"{k + 1} {mass:.17g}\n" for k, mass in enumerate(weights))
    sections = [(f"{header}\nAtoms # {style}\n\n", list(formatted(columns, formats)))]
    if "velocity" in table:
        moving = formatted([identity + 1, table["velocity"]], ["%d"] + ["%.17g"] * 3)
        sections.append(("\nVelocities\n\n", list(moving)))
    if total:
        number = communicator.exscan(len(bonded)) + 1 + np.arange(len(bonded))
        sections.append(("\nBonds\n\n", list(formatted([number, bond_kind + 1, bonded + 1], ["%d"] * 4))))
    return write_text(path, communicator, sections)


def _header_text(title, atoms, types, bonds, bond_types, vectors, origin) -> str:
    text = f"LAMMPS data file: {title.splitlines()[0]}\n\n{atoms} atoms\n{types} atom types\n"
    if bonds:
        text += f"{bonds} bonds\n{bond_types} bond types\n"
    text += "\n"
    for axis, name in enumerate("xyz"):
        low = float(origin[axis])
        text += f"{low:.17g} {low + float(vectors[axis, axis]):.17g} {name}lo {name}hi\n"
    if np.tril(vectors, -1).any():
        text += f"{vectors[1, 0]:.17g} {vectors[2, 0]:.17g} {vectors[2, 1]:.17g} xy xz yz\n"
    return text + "\n"


def _masses_of_types(communicator, arrays, types: int) -> np.ndarray:
    """The mass of each type, 1 where there is none; ValueError when atoms of one type differ."""
    if "mass" not in arrays:
        return np.ones(types)
    low, high = np.full(types, np.inf), np.full(types, -np.inf)
    np.minimum.at(low, arrays["type"], arrays["mass"])
    np.maximum.at(high, arrays["type"], arrays["mass"])
    low, high = communicator.allreduce(low, "min"), communicator.allreduce(high, "max")
    differing = np.flatnonzero(low < high)
    if differing.size:
        k = int(differing[0])
        raise ValueError(
            f"atoms of type {k} have masses from {low[k]:g} to {high[k]:g}; a data file has one mass for "
            "each type: give them different types, or masses="
        )
    return np.where(np.isfinite(low), low, 1.0)


def _header(lines: Lines) -> tuple[int, int, bytes]:
    """Where the sections begin, the end of the file, and the header's text."""
    _, piece = next(lines.pieces(0, min(lines.size, HEADER_BYTES)), (0, b""))
    place = 0
    for number, line in enumerate(piece.splitlines(keepends=True)):
        match = HEADING.match(line) if number else None
        if match and match[1].decode() in SECTIONS:
            return place, lines.size, piece[:place]
        place += len(line)
    raise DataFileError(
        f"{lines.path}: no section (such as 'Atoms' or 'Masses') begins in its first {HEADER_BYTES} bytes; "
        "is it a LAMMPS data file?"
    )


def _counts_and_box(lines: Lines, header: bytes) -> tuple[dict[str, int], np.ndarray, np.ndarray]:
    counts: dict[str, int] = {}
    low, high, tilt = np.full(3, -0.5), np.full(3, 0.5), np.zeros(3)
    for number, line in enumerate(header.splitlines(), 1):
        words = line.partition(b"#")[0].decode("utf-8", "replace").split()
        if number == 1 or not words:
            continue
        try:
            name = " ".join(words[1:])
            if name in ("atoms", "bonds", "atom types", "bond types"):
                counts[name] = int(words[0])
            elif words[2:] in (["xlo", "xhi"], ["ylo", "yhi"], ["zlo", "zhi"]):
                axis = "xyz".index(words[2][0])
                low[axis], high[axis] = float(words[0]), float(words[1])
            elif words[3:] == ["xy", "xz", "yz"]:
                tilt[:] = [float(word) for word in words[:3]]
        except ValueError:
            raise DataFileError(f"{lines.path}: line {number}: cannot be read: {' '.join(words)}") from None
    if "atoms" not in counts or not (high > low).all():
        raise DataFileError(
            f"{lines.path}: the header must give the number of atoms and a box with lower below upper ends; "
            f"found {counts.get('atoms', 'no number of')} atoms, ends {low.tolist()} and {high.tolist()}"
        )
    vectors = np.diag(high - low)
    vectors[1, 0], vectors[2, 0], vectors[2, 1] = tilt
    return counts, vectors, low


def _spans(lines: Lines, start: int, stop: int) -> dict[str, tuple[int, int, str]]:
    """Section -> (first byte behind its heading, last byte, comment of the heading)."""
    found = [
        (place, line, match)
        for place, line in lines.headings(lambda line: line.lstrip()[:1].isalpha())
        if place >= start and (match := HEADING.match(line))
    ]
    for place, line, match in found:
        if match[1].decode() not in SECTIONS:
            raise DataFileError(
                f"{lines.path}: line {lines.line_number(place)}: section '{line.decode().strip()}' is not "
                f"known; known are {', '.join(SECTIONS)}"
            )
    ends = [place for place, _, _ in found[1:]] + [stop]
    return {
        match[1].decode(): (place + len(line), end, (match[2] or b"").decode())
        for (place, line, match), end in zip(found, ends, strict=True)
    }


def _atoms(lines: Lines, table: np.ndarray, style: str | None, counts) -> dict[str, np.ndarray]:
    width = table.shape[1]
    if not style:
        fitting = [name for name, whole in STYLES.items() if width in (whole + 3, whole + 6)]
        style = fitting[0] if fitting else "of unknown kind"
    whole = STYLES.get(style)
    wrong = ""
    if whole is None or width not in (whole + 3, whole + 6):
        wrong = (
            f"section Atoms has {width} columns and style '{style}'; read are atomic (5 or 8 columns), "
            "molecular and bond (6 or 9)"
        )
    total = int(lines.communicator.allreduce(len(table)))
    if not wrong and total != counts["atoms"]:
        wrong = f"section Atoms has {total} lines; the header says {counts['atoms']} atoms"
    lines.raise_together(wrong)
    kind = table[:, whole - 1].astype(np.int64) - 1
    most = counts.get("atom types", np.iinfo(np.int32).max)
    bad = np.flatnonzero((kind < 0) | (kind >= most))
    text = (
        f"atom {int(table[bad[0], 0])} has type {kind[bad[0]] + 1}; allowed are 1 … {most}"
        if bad.size
        else ""
    )
    lines.raise_together(text)
    arrays: dict[str, np.ndarray] = {
        "id": table[:, 0].astype(np.int64) - 1, "type": kind.astype(np.int32),
        "position": np.ascontiguousarray(table[:, whole : whole + 3]),
        "image": table[:, whole + 3 :].astype(np.int32) if width == whole + 6
        else np.zeros((len(table), 3), np.int32),
    }  # fmt: skip
    if whole == 3:
        arrays["molecule"] = table[:, 1].astype(np.int64) - 1
    return arrays


def _join_masses(lines: Lines, spans, arrays, counts) -> None:
    types = counts.get("atom types", 0)
    mass = np.ones(max(types, int(arrays["type"].max(initial=0)) + 1))
    if "Masses" in spans:
        begin, end, _ = spans["Masses"]
        rows = lines.numbers(begin, end, 2, "section Masses")
        for part in lines.communicator.allgather(rows):
            for kind, value in part:
                if not (1 <= kind <= types and value > 0.0):
                    raise DataFileError(
                        f"{lines.path}: section Masses: type {kind:g} with mass {value:g}; allowed are types "
                        f"1 … {types} and masses > 0"
                    )
                mass[int(kind) - 1] = value
    arrays["mass"] = mass[arrays["type"]]


def _join_velocities(lines: Lines, spans, arrays, order: ById, atoms: int) -> None:
    """Velocities, which come in any order, go to the ranks that have their atoms."""
    arrays["velocity"] = np.zeros((len(arrays["id"]), 3))
    if "Velocities" not in spans:
        return
    begin, end, _ = spans["Velocities"]
    table = lines.numbers(begin, end, 4, "section Velocities")
    identity = table[:, 0].astype(np.int64) - 1
    outside = identity[(identity < order.lowest) | (identity > order.highest)]
    lines.raise_together(f"section Velocities: there is no atom {outside[0] + 1}" if outside.size else "")
    identity, (velocity,) = order.forward(identity, (table[:, 1:4],))
    missing = not np.array_equal(identity, arrays["id"])
    lines.raise_together(
        f"section Velocities must have one line for each of the {atoms} atoms" if missing else ""
    )
    arrays["velocity"] = velocity


def _bonds(lines: Lines, spans, expected: int) -> dict[str, np.ndarray]:
    if "Bonds" not in spans:
        return {}
    begin, end, _ = spans["Bonds"]
    table = lines.numbers(begin, end, 4, "section Bonds").astype(np.int64)
    total = int(lines.communicator.allreduce(len(table)))
    lines.raise_together(
        f"section Bonds has {total} lines; the header says {expected} bonds" if total != expected else ""
    )
    return {"type": table[:, 1] - 1, "id": table[:, 2:4] - 1}
