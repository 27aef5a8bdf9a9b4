"""The first configuration of a liquid: this rank's atoms as [initial] says, and the box."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from hpcphys.run.errors import JobError
from hpcphys.run.liquids.declaration import atoms_in, placed_template
from hpcphys.run.liquids.job import LiquidJob

FORMATS = {
    ".data": "lammps_data",
    ".lmp": "lammps_data",
    ".dump": "lammps_dump",
    ".lammpstrj": "lammps_dump",
    ".xyz": "xyz",
    ".extxyz": "xyz",
    ".h5": "h5md",
    ".h5md": "h5md",
}
"""Ending of a file -> its format."""

Arrays = dict[str, np.ndarray]

MIXTURE_SEED = 0x6D69  # so that types are not drawn with the numbers of positions


def lattice_of(job: LiquidJob) -> Any:
    """The lattice of atoms or of molecules.  Raises ValueError for numbers that cannot be."""
    from hpcphys.initial.liquids import Lattice, cells_for

    initial: Any = job.initial
    wanted = initial.atoms if initial.model == "lattice" else initial.molecules
    x, y, z = job.box.origin
    cells = tuple(initial.cells) if initial.cells is not None else cells_for(initial.lattice, wanted)
    return Lattice(initial.lattice, cells, density=initial.density, origin=(x, y, z))


def stated_box(job: Any) -> Any:
    """The box that a job states, or that follows from lattice or density; None where only a file knows.

    job: anything with its tables box, initial, molecules
    """
    from hpcphys.decomposition.cells.box import Box

    table, initial = job.box, job.initial
    if initial.model in ("lattice", "molecules"):
        vectors = lattice_of(job).vectors
    elif table.lengths is not None:
        (lx, ly, lz), (xy, xz, yz) = table.lengths, table.tilts
        vectors = np.array([[lx, 0.0, 0.0], [xy, ly, 0.0], [xz, yz, lz]])
    elif initial.model == "random":
        vectors = np.eye(3) * (initial.atoms / initial.density) ** (1.0 / 3.0)
    else:
        return None
    return Box(vectors, tuple(table.origin), tuple(table.periodic))


def atoms_stated(job: Any) -> int | None:
    """Number of atoms; None where only a file knows."""
    initial = job.initial
    if initial.model == "random":
        return initial.atoms
    if initial.model == "file":
        return None
    sites = lattice_of(job).count
    return sites if initial.model == "lattice" else sites * atoms_in(job.molecules)


def first_configuration(job: LiquidJob, communicator: Any) -> tuple[Arrays, Any]:
    """This rank's share of the atoms at rest (or as in the file), and the box; collective.

    Raises JobError where parameters do not fit, DataFileError for a file that cannot be used.
    """
    try:
        if job.initial.model == "file":
            return _from_file(job, communicator)
        return _made(job, communicator), stated_box(job)
    except ValueError as problem:
        raise JobError([f"initial: {problem}"]) from problem


def _made(job: LiquidJob, communicator: Any) -> Arrays:
    from hpcphys.initial import liquids

    initial: Any = job.initial
    masses = job.types.masses
    if initial.model == "molecules":
        lattice, template = lattice_of(job), placed_template(job.molecules, masses)
        first, last = liquids.share_of(communicator, lattice.count)
        return liquids.molecules_on_lattice(
            lattice, template, initial.seed, turned=initial.turned, first=first, last=last
        )
    if initial.model == "lattice":
        lattice = lattice_of(job)
        count = lattice.count
        arrays = liquids.on_lattice(lattice, *liquids.share_of(communicator, count))
    else:
        box, count = stated_box(job), initial.atoms
        first, last = liquids.share_of(communicator, count)
        arrays = liquids.random_packing(
            count, box.vectors, initial.seed, origin=tuple(box.origin), first=first, last=last
        )
    shares = job.types.fractions or [1.0, *[0.0] * (len(masses) - 1)]
    liquids.mixture(arrays, count, shares, initial.seed ^ MIXTURE_SEED, masses)
    return arrays


def _from_file(job: LiquidJob, communicator: Any) -> tuple[Arrays, Any]:
    from hpcphys.decomposition.cells.box import Box
    from hpcphys.initial.liquids import replicated

    initial: Any = job.initial
    found = _read(job, communicator)
    arrays, vectors = dict(found.arrays), np.asarray(found.vectors)
    rows = len(arrays["id"])
    arrays.setdefault("velocity", np.zeros((rows, 3)))
    arrays.setdefault("image", np.zeros((rows, 3), np.int32))
    arrays.setdefault("type", np.zeros(rows, np.int32))
    if max(initial.replicate) > 1:
        arrays, vectors = replicated(arrays, vectors, tuple(initial.replicate), communicator)
    stated = "types" in job.model_fields_set and "masses" in job.types.model_fields_set
    if stated or "mass" not in arrays:
        arrays["mass"] = _masses(job, arrays, communicator)
    wanted = {
        "position": np.float64, "velocity": np.float64, "mass": np.float64, "image": np.int32, "id": np.int64,
        "type": np.int32, "molecule": np.int64,
    }  # fmt: skip
    arrays = {
        name: np.ascontiguousarray(arrays[name], dtype=kind)
        for name, kind in wanted.items()
        if name in arrays
    }
    if job.molecules is None:
        arrays.pop("molecule", None)
    elif "molecule" not in arrays:
        raise JobError(
            [
                f"initial.path: {initial.path} does not say which molecule an atom belongs to, and there is "
                "a table [molecules]; give a file with molecule numbers (atom_style molecular, a column mol)"
            ]
        )
    periodic = tuple(bool(a and b) for a, b in zip(found.periodic, job.box.periodic, strict=True))
    return arrays, Box(vectors, tuple(found.origin), periodic)


def _masses(job: LiquidJob, arrays: Arrays, communicator: Any) -> np.ndarray:
    masses = np.array(job.types.masses)
    largest = communicator.allreduce(int(arrays["type"].max(initial=0)), "max")
    if largest >= len(masses):
        raise JobError(
            [
                f"types.masses: found {len(masses)} masses; {job.initial.path} holds atoms of types 0 to "  # type: ignore[union-attr]
                f"{largest}: give {largest + 1}"
            ]
        )
    return masses[arrays["type"]]


def _read(job: LiquidJob, communicator: Any) -> Any:
    initial: Any = job.initial
    path = initial.path
    kind = FORMATS.get(Path(path).suffix.lower(), "") if initial.format == "auto" else initial.format
    if not kind:
        raise JobError(
            [
                f"initial.path: {path} ends with none of {', '.join(FORMATS)}; say what it is by "
                f"initial.format, "
                "as format = 'lammps_data'"
            ]
        )
    try:
        if kind == "lammps_data":
            from hpcphys.io.lammps_data import read_lammps_data

            return read_lammps_data(path, communicator)
        if kind == "h5md":
            from hpcphys.io.h5md import read_h5md

            return read_h5md(path, communicator, initial.frame)
        if kind == "xyz":
            from hpcphys.io.xyz import ExtendedXyz

            return ExtendedXyz(path, communicator).read(initial.frame, job.types.names)
        from hpcphys.io.lammps_dump import LammpsDump

        return LammpsDump(path, communicator).read(initial.frame)
    except IndexError:
        raise JobError([f"initial.frame: {path} has no frame {initial.frame}"]) from None
