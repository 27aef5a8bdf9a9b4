"""Reading GADGET-4 HDF5 snapshots: every rank reads its own even share of the rows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hpcphys.io.galaxy_units import KPC_IN_CM, SOLAR_1E10_IN_G, GalaxyUnits
from hpcphys.io.rows import DataFileError, even_rows, open_hdf5

PARTICLE_TYPES = 6
GAS = 0


@dataclass(frozen=True)
class Snapshot:
    """What the headers of a snapshot say.

    files: paths in order;  counts: (files, 6) particles of each type in each;  mass_table: (6,) file units
    scale: kpc, 10^10 solar masses and km/s per file unit;  time [file units of length/velocity]
    """

    files: tuple[Path, ...]
    counts: np.ndarray
    mass_table: np.ndarray
    scale: tuple[float, float, float]
    time: float


def read_snapshot(path: str | Path, communicator, units: GalaxyUnits) -> dict[str, np.ndarray]:
    """This rank's even share of a snapshot, in the job's units; collective.

    path: a file; of a snapshot in several files any one of them (name.0.hdf5)
    Rows are ordered by type, then by file.  Masses come from `Masses` or from the header's MassTable;
    particles without ParticleIDs are numbered.  Lengths with factors of h in them (HubbleParam ≠ 1) lose it.
    Returns position (n, 3), velocity (n, 3), mass (n,) float64, id (n,) int64, type (n,) int8.
    Raises DataFileError, the same on all ranks: file missing, truncated, not HDF5, not a snapshot, a data set
    missing or of the wrong length, gas, a cosmological snapshot, or a mass, position or velocity that is no
    physical number (with the particle's ID and file).
    """
    problem, arrays = "", {}
    try:
        snapshot = read_headers(path)
        arrays = _read_share(snapshot, communicator.rank, communicator.size)
        _to_job_units(arrays, snapshot.scale, units)
    except DataFileError as found:
        problem = str(found)
    problems = [text for text in communicator.allgather(problem) if text]
    if problems:
        raise DataFileError(problems[0])
    return arrays


def read_headers(path: str | Path) -> Snapshot:
    """Headers of all files of a snapshot.  Raises DataFileError (see `read_snapshot`)."""
    path = Path(path)
    with open_hdf5(path) as file:
        header = _header(path, file)
        scale = _unit_scale(path, file, header)
    parts = int(header.get("NumFilesPerSnapshot", 1))
    files = tuple(_part_names(path, parts)) if parts > 1 else (path,)
    counts = np.zeros((len(files), PARTICLE_TYPES), dtype=np.int64)
    for index, part in enumerate(files):
        with open_hdf5(part) as file:
            counts[index] = _six(part, _header(part, file), "NumPart_ThisFile")
    total = _six(path, header, "NumPart_Total").astype(np.int64)
    if (counts.sum(axis=0) != total).any():
        raise DataFileError(
            f"{path}: the header promises {total.tolist()} particles of types 0 to 5, its {len(files)} "
            f"file(s) hold {counts.sum(axis=0).tolist()}; a part is missing or from another snapshot"
        )
    if total[GAS]:
        raise DataFileError(
            f"{path}: holds {total[GAS]} gas particles (PartType0); a job of kind 'gravity' moves "
            "collisionless particles only: give the gas another type or leave it out"
        )
    if not total.sum():
        raise DataFileError(f"{path}: holds no particles")
    return Snapshot(
        files, counts, _six(path, header, "MassTable").astype(float), scale, float(header["Time"])
    )


def _header(path: Path, file) -> dict:
    if "Header" not in file:
        raise DataFileError(f"{path}: is HDF5, but no GADGET snapshot: it has no group 'Header'")
    header = dict(file["Header"].attrs)
    for name in ("NumPart_ThisFile", "NumPart_Total", "MassTable", "Time"):
        if name not in header:
            raise DataFileError(f"{path}: is no complete GADGET snapshot: 'Header' has no attribute '{name}'")
    return header


def _six(path: Path, header: dict, name: str) -> np.ndarray:
    """An attribute with one number per particle type, filled up with zeros (files may store fewer)."""
    values = np.atleast_1d(header[name])
    if values.ndim != 1 or values.size > PARTICLE_TYPES:
        raise DataFileError(
            f"{path}: 'Header/{name}' has shape {values.shape}; 1 to {PARTICLE_TYPES} are allowed"
        )
    return np.concatenate((values, np.zeros(PARTICLE_TYPES - values.size, dtype=values.dtype)))


def _unit_scale(path: Path, file, header: dict) -> tuple[float, float, float]:
    """kpc, 10^10 solar masses and km/s per file unit; GADGET's defaults where the file does not say."""
    attributes = dict(header)
    for group in ("Parameters", "Units"):
        if group in file:
            attributes.update(file[group].attrs)
    if float(attributes.get("ComovingIntegrationOn", 0)) or float(header.get("Redshift", 0.0)):
        raise DataFileError(
            f"{path}: is a cosmological snapshot (comoving, redshift {float(header.get('Redshift', 0)):g}); "
            "only isolated systems in physical units can be read"
        )
    hubble = float(attributes.get("HubbleParam", 1.0)) or 1.0
    length = float(attributes.get("UnitLength_in_cm", KPC_IN_CM)) / KPC_IN_CM / hubble
    mass = float(attributes.get("UnitMass_in_g", SOLAR_1E10_IN_G)) / SOLAR_1E10_IN_G / hubble
    return length, mass, float(attributes.get("UnitVelocity_in_cm_per_s", 1e5)) / 1e5


def _part_names(path: Path, parts: int) -> list[Path]:
    """Names of all parts: name.0.hdf5 … name.(parts − 1).hdf5."""
    match = re.fullmatch(r"(.*)\.\d+(\.\w+)", path.name)
    if not match:
        raise DataFileError(
            f"{path}: is one of {parts} files of a snapshot, but its name does not end in .<number>.hdf5, so "
            "that the others cannot be found"
        )
    return [path.with_name(f"{match[1]}.{index}{match[2]}") for index in range(parts)]


def _read_share(snapshot: Snapshot, rank: int, size: int) -> dict[str, np.ndarray]:
    """Rows [first, last) of all rows in the order (type, file), in file units, checked."""
    first, last = even_rows(int(snapshot.counts.sum()), rank, size)
    count = last - first
    arrays: dict[str, np.ndarray] = {
        "position": np.empty((count, 3)),
        "velocity": np.empty((count, 3)),
        "mass": np.empty(count),
        "id": np.empty(count, dtype=np.int64),
        "type": np.empty(count, dtype=np.int8),
    }
    start = 0
    for kind in range(PARTICLE_TYPES):
        for index, path in enumerate(snapshot.files):
            rows = int(snapshot.counts[index, kind])
            low, high = max(first, start), min(last, start + rows)
            if low < high:
                share = {name: array[low - first : high - first] for name, array in arrays.items()}
                _read_part(
                    path, kind, rows, slice(low - start, high - start), start, snapshot.mass_table, share
                )
            start += rows
    return arrays


def _read_part(path: Path, kind: int, rows: int, chosen: slice, start: int, mass_table, share) -> None:
    """Fill `share` with the chosen rows of one type in one file, whose rows begin at `start` of all."""
    group = f"PartType{kind}"
    share["type"][:] = kind
    with open_hdf5(path) as file:
        _read_into(path, file, f"{group}/Coordinates", rows, chosen, share["position"])
        _read_into(path, file, f"{group}/Velocities", rows, chosen, share["velocity"])
        if f"{group}/Masses" in file:
            _read_into(path, file, f"{group}/Masses", rows, chosen, share["mass"])
        elif mass_table[kind] != 0.0:
            share["mass"][:] = mass_table[kind]
        else:
            raise DataFileError(
                f"{path}: {group} has no 'Masses', and MassTable[{kind}] is 0: its masses are unknown"
            )
        if f"{group}/ParticleIDs" in file:
            _read_into(path, file, f"{group}/ParticleIDs", rows, chosen, share["id"])
        else:
            share["id"][:] = np.arange(start + chosen.start, start + chosen.stop)
    _require_physical(path, group, share)


def _read_into(path: Path, file, name: str, rows: int, chosen: slice, target: np.ndarray) -> None:
    """Copy rows of a data set into `target`, whose trailing shape the file must have."""
    if name not in file:
        raise DataFileError(
            f"{path}: has no data set '{name}', though its header counts {rows} such particles"
        )
    dataset = file[name]
    if dataset.shape != (rows, *target.shape[1:]):
        raise DataFileError(
            f"{path}: '{name}' has shape {dataset.shape}; its header asks for {(rows, *target.shape[1:])}"
        )
    try:
        target[...] = dataset[chosen]
    except OSError as problem:
        raise DataFileError(f"{path}: '{name}' cannot be read ({problem}); the file is damaged") from problem


def _require_physical(path: Path, group: str, share: dict[str, np.ndarray]) -> None:
    """Masses must be finite and > 0, positions and velocities finite."""
    with np.errstate(invalid="ignore"):
        wrong = {
            "Masses": ~((share["mass"] > 0.0) & np.isfinite(share["mass"])),
            "Coordinates": ~np.isfinite(share["position"]).all(axis=1),
            "Velocities": ~np.isfinite(share["velocity"]).all(axis=1),
        }
    for name, rows in wrong.items():
        if rows.any():
            row = int(np.argmax(rows))
            array = {"Masses": "mass", "Coordinates": "position", "Velocities": "velocity"}[name]
            allowed = "finite numbers > 0" if name == "Masses" else "finite numbers"
            raise DataFileError(
                f"{path}: {group}/{name} of the particle with ID {share['id'][row]}: "
                f"found {share[array][row]}, allowed are {allowed} ({int(rows.sum())} such particles)"
            )


def _to_job_units(
    arrays: dict[str, np.ndarray], scale: tuple[float, float, float], units: GalaxyUnits
) -> None:
    """File units → job units, in place."""
    length, mass, velocity = scale
    arrays["position"] *= length / units.length_kpc
    arrays["mass"] *= mass / units.mass_1e10_msun
    arrays["velocity"] *= velocity / units.velocity_km_s
