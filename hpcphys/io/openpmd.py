"""openPMD 1.1.0 with the ED-PIC extension: fields and particles of a step in one HDF5 file, by all ranks.

    openpmd_viewer.OpenPMDTimeSeries("output/job/openpmd").get_field("E", "x", iteration=0)

One iteration stands in each file (groupBased), in the units of the job; unitSI says what one of them is.
Source: Huebl et al. (2015) openPMD 1.1.0, doi:10.5281/zenodo.1167843, and its extension EXT_ED-PIC.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hpcphys import __version__
from hpcphys.io.blocks import Block
from hpcphys.io.rows import DataFileError, open_hdf5, write_rows

LIGHT_SPEED = 299792458.0
CHARGE = 1.602176634e-19
ELECTRON_MASS = 9.1093837139e-31
PERMITTIVITY = 8.8541878188e-12
"""SI, CODATA 2022."""

READ_ROWS = 1 << 20

DIMENSIONS: dict[str, tuple[int, int, int, int]] = {
    "length": (1, 0, 0, 0),
    "momentum": (1, 1, -1, 0),
    "mass": (0, 1, 0, 0),
    "charge": (0, 0, 1, 1),
    "number": (0, 0, 0, 0),
    "electric field": (1, 1, -3, -1),
    "magnetic field": (0, 1, -2, -1),
    "current density": (-2, 0, 0, 1),
    "charge density": (-3, 0, 1, 1),
    "potential": (2, 1, -3, -1),
    "number density": (-3, 0, 0, 0),
    "velocity": (1, 0, -1, 0),
    "pressure": (-1, 1, -2, 0),
    "energy": (2, 1, -2, 0),
}
"""Powers of length, mass, time and electric current: unitDimension of openPMD, which has three more of 0."""

OF_MANY = ("current density", "charge density", "number density", "pressure")
"""Sums over particles: what one of them is in SI counts the real particles behind a weight."""


@dataclass(frozen=True)
class Scales:
    """What one unit of the job is in SI.

    length [m], time [s], mass [kg], charge [C];  number: real particles that weight 1 stands for, per metre
    for each axis that a grid of so many axes (dimension) lacks
    """

    length: float = 1.0
    time: float = 1.0
    mass: float = 1.0
    charge: float = 1.0
    number: float = 1.0
    dimension: int = 3

    @classmethod
    def plasma(cls, length: float, dimension: int, light_speed: float = 1.0) -> Scales:
        """Units of length c/ω_p = `length` metres, mass and charge of the electron, with ε0 = 1.

        Density 1 is the n0 of that plasma frequency, ω_p² = n0 e²/(ε0 m): n0 lengthᴰ particles weigh 1.
        """
        frequency = LIGHT_SPEED / (light_speed * length)
        density = PERMITTIVITY * ELECTRON_MASS * frequency**2 / CHARGE**2
        return cls(length, 1.0 / frequency, ELECTRON_MASS, CHARGE, density * length**dimension, dimension)

    def of(self, quantity: str) -> float:
        """One unit of a quantity of DIMENSIONS in SI; densities count the particles behind the weights."""
        length, mass, time, current = DIMENSIONS[quantity]
        one = self.length**length * self.mass**mass * self.time**time * (self.charge / self.time) ** current
        return one * (self._density if quantity in OF_MANY else 1.0)

    @property
    def _density(self) -> float:
        """Particles behind one unit of a density of particles."""
        return self.number * self.length ** (3 - self.dimension)


@dataclass(frozen=True)
class Mesh:
    """A field on the grid.

    components: axis -> this rank's Block; {"": block} for a scalar
    position: axis (or "") -> place of its values in the cell, from 0 to 1, along each axis of the grid
    quantity: a name in DIMENSIONS
    """

    components: Mapping[str, Block]
    position: Mapping[str, Sequence[float]]
    quantity: str


@dataclass(frozen=True)
class Rows:
    """Particles of a species on this rank: position (n, D), momentum u = γv (n, 3), weight (n,), id or None.

    mass, charge: of one real particle
    """

    position: np.ndarray
    momentum: np.ndarray
    weight: np.ndarray
    mass: float
    charge: float
    id: np.ndarray | None = None


@dataclass(frozen=True)
class Setting:
    """The grid and the methods, as the file's readers may want to know them.

    axes: their names;  spacing, lower: of each;  field_boundary, particle_boundary: two words for each axis,
    of openPMD's: periodic, reflecting, open;  solver, pusher, shape, deposition: names of methods
    smoothing: of the currents, in words
    """

    axes: tuple[str, ...]
    spacing: tuple[float, ...]
    lower: tuple[float, ...]
    scales: Scales = field(default_factory=Scales)
    field_boundary: Sequence[str] = ()
    particle_boundary: Sequence[str] = ()
    solver: str = "Yee"
    pusher: str = "Boris"
    shape: float = 1.0
    deposition: str = "Esirkepov"
    interpolation: str = "uniform"
    smoothing: str = "none"


def write_openpmd(
    path: str | Path, communicator: Any, meshes: Mapping[str, Mesh], species: Mapping[str, Rows],
    setting: Setting, *, step: int, time: float, dt: float, job: str = "",
) -> int:  # fmt: skip
    """Write one iteration; collective.  Returns the bytes of the file.

    meshes, species: by name, the same on all ranks;  time, dt: of the step, in units of the job
    Raises DataFileError on all ranks when one cannot write.
    """
    base = f"data/{step}"
    datasets: dict[str, np.ndarray | Block] = {}
    attributes: dict[str, dict[str, Any]] = {
        "/": _root(job),
        f"/{base}": {"time": float(time), "dt": float(dt), "timeUnitSI": setting.scales.time},
    }
    if meshes:
        attributes[f"/{base}/fields"] = _fields(setting)
    for name, mesh in meshes.items():
        _mesh(datasets, attributes, f"/{base}/fields/{name}", mesh, setting)
    for name, rows in species.items():
        _species(datasets, attributes, f"/{base}/particles/{name}", rows, setting, communicator)
    named = {name.lstrip("/"): part for name, part in datasets.items()}
    return write_rows(path, communicator, named, attributes)


def read_species(path: str | Path, name: str, scales: Scales) -> Iterator[Rows]:
    """The particles of a species in a file of one iteration, the last where there are more, in parts.

    scales: units that the rows are wanted in;  Every caller gets all of them: each rank keeps its own.
    Raises DataFileError for a file that is no openPMD file or has no such species.
    """
    with open_hdf5(path) as file:
        if "openPMD" not in file.attrs or "data" not in file or not len(file["data"]):
            raise DataFileError(f"{path}: is not an openPMD file of an iteration")
        iteration = file["data"][max(file["data"], key=int)]
        holder = iteration.get("particles", {})
        if name not in holder:
            raise DataFileError(
                f"{path}: holds no particles {name!r}; there are {', '.join(holder) or 'none'}"
            )
        group = holder[name]
        axes = [axis for axis in "xyz" if axis in group["position"]]
        count = group[f"position/{axes[0]}"].shape[0]
        mass, charge = (_constant(group[record]) / getattr(scales, record) for record in ("mass", "charge"))
        speed = scales.length / scales.time
        for first in range(0, count, READ_ROWS):
            rows = slice(first, min(first + READ_ROWS, count))
            places = [sum(_values(group, r, a, rows) for r in ("position", "positionOffset")) for a in axes]
            position = np.stack(places, axis=1) / scales.length
            momentum = np.stack([_values(group, "momentum", a, rows) for a in "xyz"], axis=1)
            weight = _values(group, "weighting", "", rows) / scales.number
            identity = group["id"][rows].astype(np.int64) if "id" in group else None
            yield Rows(position, momentum / (mass * scales.mass * speed), weight, mass, charge, identity)


def _root(job: str) -> dict[str, Any]:
    return {
        "openPMD": _text("1.1.0"),
        "openPMDextension": np.uint32(1),
        "basePath": _text("/data/%T/"),
        "meshesPath": _text("fields/"),
        "particlesPath": _text("particles/"),
        "iterationEncoding": _text("groupBased"),
        "iterationFormat": _text("/data/%T/"),
        "software": _text("hpcphys"),
        "softwareVersion": _text(__version__),
        "job": job,
    }


def _fields(setting: Setting) -> dict[str, Any]:
    return {
        "fieldSolver": _text(setting.solver),
        "fieldBoundary": _texts(setting.field_boundary),
        "fieldBoundaryParameters": _texts(setting.field_boundary),
        "particleBoundary": _texts(setting.particle_boundary),
        "particleBoundaryParameters": _texts(setting.particle_boundary),
        "currentSmoothing": _text(setting.smoothing),
        "currentSmoothingParameters": _text(setting.smoothing),
        "chargeCorrection": _text("none"),
    }


def _mesh(datasets: dict, attributes: dict, where: str, mesh: Mesh, setting: Setting) -> None:
    common = {
        "geometry": _text("cartesian"),
        "dataOrder": _text("C"),
        "axisLabels": _texts(setting.axes),
        "gridSpacing": np.array(setting.spacing, dtype=np.float64),
        "gridGlobalOffset": np.array(setting.lower, dtype=np.float64),
        "gridUnitSI": setting.scales.length,
        "unitDimension": _dimension(mesh.quantity),
        "timeOffset": 0.0,
        "fieldSmoothing": _text("none"),
    }
    attributes.setdefault(where, {}).update(common)
    for axis, block in mesh.components.items():
        at = f"{where}/{axis}" if axis else where
        datasets[at] = block
        attributes.setdefault(at, {}).update(
            position=np.array(mesh.position[axis], dtype=np.float64), unitSI=setting.scales.of(mesh.quantity)
        )


def _species(
    datasets: dict, attributes: dict, where: str, rows: Rows, setting: Setting, communicator: Any
) -> None:
    scales = setting.scales
    total = int(communicator.allreduce(len(rows.weight), "sum"))
    attributes[where] = {
        "particleShape": float(setting.shape),
        "currentDeposition": _text(setting.deposition),
        "particlePush": _text(setting.pusher),
        "particleInterpolation": _text(setting.interpolation),
        "particleSmoothing": _text("none"),
    }

    def record(name: str, quantity: str, power: float, columns: dict[str, np.ndarray], unit: float) -> None:
        at = f"{where}/{name}"
        attributes.setdefault(at, {}).update(_record(quantity, power))
        for axis, column in columns.items():
            place = f"{at}/{axis}" if axis else at
            datasets[place] = np.ascontiguousarray(column)
            attributes.setdefault(place, {})["unitSI"] = unit

    def constant(name: str, quantity: str, power: float, axes: Sequence[str], value: float, unit: float):
        at = f"{where}/{name}"
        attributes.setdefault(at, {}).update(_record(quantity, power))
        for axis in axes:
            place = f"{at}/{axis}" if axis else at
            attributes.setdefault(place, {}).update(
                value=float(value), shape=np.array([total], dtype=np.uint64), unitSI=unit
            )

    momentum = rows.momentum * rows.mass
    record("position", "length", 0.0, dict(zip(setting.axes, rows.position.T, strict=True)), scales.length)
    constant("positionOffset", "length", 0.0, setting.axes, 0.0, scales.length)
    record("momentum", "momentum", 1.0, dict(zip("xyz", momentum.T, strict=True)), scales.of("momentum"))
    record("weighting", "number", 1.0, {"": rows.weight}, scales.number)
    attributes[f"{where}/weighting"]["macroWeighted"] = np.uint32(1)
    constant("mass", "mass", 1.0, [""], rows.mass, scales.mass)
    constant("charge", "charge", 1.0, [""], rows.charge, scales.charge)
    if rows.id is not None:
        record("id", "number", 0.0, {"": rows.id.astype(np.uint64)}, 1.0)


def _record(quantity: str, power: float) -> dict[str, Any]:
    return {
        "unitDimension": _dimension(quantity),
        "timeOffset": 0.0,
        "macroWeighted": np.uint32(0),
        "weightingPower": float(power),
    }


def _dimension(quantity: str) -> np.ndarray:
    return np.array([*DIMENSIONS[quantity], 0, 0, 0], dtype=np.float64)


def _text(text: str) -> np.bytes_:
    """Text of a fixed length: every reader of the format takes it."""
    return np.bytes_(text)


def _texts(words: Sequence[str]) -> np.ndarray:
    return np.array([word.encode() for word in words] or [b"none"])


def _constant(record: Any) -> float:
    """The value of a record that is the same for all particles, in SI."""
    if "value" in record.attrs:
        return float(record.attrs["value"]) * float(record.attrs["unitSI"])
    values = record[:]
    if not (len(values) and np.all(values == values[0])):
        raise DataFileError(
            f"{record.name} of a species differs from particle to particle; one value is needed"
        )
    return float(values[0]) * float(record.attrs["unitSI"])


def _values(group: Any, record: str, axis: str, rows: slice) -> np.ndarray:
    """Rows of a component in SI."""
    component = group[f"{record}/{axis}"] if axis else group[record]
    unit = float(component.attrs["unitSI"])
    if "value" in component.attrs:
        return np.full(rows.stop - rows.start, float(component.attrs["value"]) * unit)
    return component[rows].astype(np.float64) * unit


def sampled(rows: Rows, share: float) -> Rows:
    """About this share of the particles, chosen by their ids, so that the same ones are in every file.

    share: from 0 to 1;  weights are divided by the share, so that densities stay;  rows without id: every
    n-th, for a share of 1/n
    """
    if share >= 1.0:
        return rows
    if rows.id is None:
        chosen = np.arange(0, len(rows.weight), max(1, math.ceil(1.0 / share)))
    else:
        # Multiplication by the golden ratio scatters neighbouring ids over [0, 1).
        place = (rows.id.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(11)
        chosen = np.flatnonzero(place.astype(np.float64) * 2.0**-53 < share)
    factor = len(rows.weight) / max(1, len(chosen)) if rows.id is None else 1.0 / share
    identity = None if rows.id is None else rows.id[chosen]
    return Rows(
        rows.position[chosen], rows.momentum[chosen], rows.weight[chosen] * factor, rows.mass, rows.charge,
        identity,
    )  # fmt: skip
