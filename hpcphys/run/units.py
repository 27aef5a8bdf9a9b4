"""Numbers with units in job files: "10 kpc", "2 fs"; checked and converted once, at the door.

A key of a job's schema that stands for a physical quantity is marked with its dimension,

    softening: Annotated[NonNegative, Quantity("length")]

and a kind of system says what one unit of length, mass, time and temperature is (Kind.unit_system).  Text in
such a key becomes the number that it is in the units of the job, before anything else looks at it.
"""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import BaseModel

Path_ = tuple[str, ...]

DIMENSIONS: dict[str, tuple[int, int, int, int]] = {
    "length": (1, 0, 0, 0),
    "mass": (0, 1, 0, 0),
    "time": (0, 0, 1, 0),
    "temperature": (0, 0, 0, 1),
    "velocity": (1, 0, -1, 0),
    "rate": (0, 0, -1, 0),
    "energy": (2, 1, -2, 0),
    "force": (1, 1, -2, 0),
    "pressure": (-1, 1, -2, 0),
    "mass density": (-3, 1, 0, 0),
    "number density": (-3, 0, 0, 0),
}
"""Powers of length, mass, time and temperature."""

EXAMPLES = {
    "length": "2 angstrom", "mass": "39.95 amu", "time": "2 fs", "temperature": "300 K",
    "velocity": "220 km/s", "rate": "1 1/ps", "energy": "5 eV", "force": "1 nN", "pressure": "1 bar",
    "mass density": "1.4 g/cm^3", "number density": "21 1/nm^3",
}  # fmt: skip

OWN_UNITS = ("solar_mass = 1.988409871e30 kilogram = M_sun = Msun",)
"""Units that astronomers use and pint does not know; from GM_sun = 1.3271244e20 m³/s² (IAU 2015 B3)."""


@dataclass(frozen=True)
class Quantity:
    """Marks a number, or numbers in a list or table, as a physical quantity: a name in DIMENSIONS."""

    dimension: str

    def __post_init__(self) -> None:
        if self.dimension not in DIMENSIONS:
            raise ValueError(f"dimension {self.dimension!r}; known are {', '.join(DIMENSIONS)}")

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> dict[str, Any]:
        """For editors: what the number may be, or text with a unit."""
        example = f'{self.dimension} with a unit, as "{EXAMPLES[self.dimension]}"'
        text = {"type": "string", "description": example}
        return {"anyOf": [handler(core), text]}


class UnitError(ValueError):
    """Text that is no quantity of the wanted dimension; the message is for the user."""


@dataclass(frozen=True)
class UnitSystem:
    """What one unit of a job is: texts that pint reads, as "1 kpc"; no temperature: ""."""

    length: str
    mass: str
    time: str
    temperature: str = ""

    def number(self, text: str, dimension: str) -> float:
        """The quantity in units of the job.  Raises UnitError."""
        pint, units = _pint()
        wanted = DIMENSIONS[dimension]
        try:
            given = units.Quantity(text)
        except pint.UndefinedUnitError as problem:
            raise UnitError(_unknown(str(problem), units)) from None
        except Exception:  # pint's reader of text raises whatever its tokens lead to
            raise UnitError(f'no number with a unit, as "{EXAMPLES[dimension]}"') from None
        if given.dimensionless and given.unitless:
            raise UnitError(f'it has no unit; give a number, or a unit as in "{EXAMPLES[dimension]}"')
        one = units.Quantity(1.0)
        for base, power in zip((self.length, self.mass, self.time, self.temperature), wanted, strict=True):
            if power and not base:
                raise UnitError("this job does not say what its unit of temperature is; give a number")
            if power:
                one = one * units.Quantity(base) ** power
        if given.dimensionality != one.dimensionality:
            raise UnitError(f'this is no {dimension}; give one, as "{EXAMPLES[dimension]}"')
        # Kelvin for the Celsius scale, whose zero is elsewhere.
        return float((given.to_base_units() / one.to_base_units()).magnitude)


ATOMIC = UnitSystem(length="1 bohr", mass="1 electron_mass", time="1 hbar / hartree")
"""Atomic units: ħ = 1, and the mass and charge of the electron."""


@cache
def _pint() -> tuple[Any, Any]:
    """pint and its registry; loaded by jobs that have units alone."""
    import pint

    units: Any = pint.UnitRegistry(autoconvert_offset_to_baseunit=True)
    for definition in OWN_UNITS:
        units.define(definition)
    return pint, units


def _unknown(message: str, units: Any) -> str:
    name = message.split("'")[1] if "'" in message else message
    close = difflib.get_close_matches(name, dir(units), 1, 0.7)
    return f"the unit {name!r} is not known" + (f"; did you mean {close[0]!r}?" if close else "")


def convert(
    content: dict[str, Any], schema: type[BaseModel], system: UnitSystem | None
) -> list[tuple[Path_, str]]:
    """Replace texts in marked keys of a job's tables by numbers, in place; path and text of what cannot be.

    system: None where quantities of this kind have no units
    """
    return list(_table(content, schema, (), system))


def _table(
    table: Any, schema: type[BaseModel], path: Path_, system: UnitSystem | None
) -> Iterator[tuple[Path_, str]]:
    if not isinstance(table, dict):
        return
    hints = typing.get_type_hints(schema, include_extras=True)
    for key in schema.model_fields:
        if key in table:
            yield from _entry(table, key, hints[key], None, (*path, key), system)


def _entry(
    holder: Any, key: Any, annotation: Any, quantity: Quantity | None, path: Path_, system: UnitSystem | None
) -> Iterator[tuple[Path_, str]]:
    """Convert holder[key], whose type is `annotation`, inside a quantity or not."""
    value = holder[key]
    quantity = next((mark for mark in _marks(annotation) if isinstance(mark, Quantity)), quantity)
    if quantity is not None and isinstance(value, str):
        if system is None:
            yield path, f"found {value!r}; quantities of this kind of system have no units: give a number"
            return
        try:
            holder[key] = system.number(value, quantity.dimension)
        except UnitError as problem:
            yield path, f"found {value!r}: {problem}"
    elif isinstance(value, list):
        for index in range(len(value)):
            for member in _members(annotation):
                if typing.get_origin(member) is list:
                    yield from _entry(value, index, typing.get_args(member)[0], quantity, path, system)
    elif isinstance(value, dict):
        for model in _models(annotation, value):
            yield from _table(value, model, path, system)
        for member in _members(annotation):
            if typing.get_origin(member) is dict:
                for name in value:
                    inside = (*path, str(name))
                    yield from _entry(value, name, typing.get_args(member)[1], quantity, inside, system)


def _marks(annotation: Any) -> Iterator[Any]:
    """All that an annotation, or a member of its union, is marked with."""
    if typing.get_origin(annotation) is typing.Annotated:
        yield from annotation.__metadata__
    for member in _alternatives(annotation):
        if typing.get_origin(member) is typing.Annotated:
            yield from member.__metadata__


def _alternatives(annotation: Any) -> tuple[Any, ...]:
    """The members of a union, else the annotation alone; without the marks around them."""
    if typing.get_origin(annotation) is typing.Annotated:
        annotation = annotation.__origin__
    return typing.get_args(annotation) if _is_union(annotation) else (annotation,)


def _is_union(annotation: Any) -> bool:
    return typing.get_origin(annotation) in (typing.Union, types.UnionType)


def _members(annotation: Any) -> Iterator[Any]:
    """The alternatives without their own marks."""
    for member in _alternatives(annotation):
        yield member.__origin__ if typing.get_origin(member) is typing.Annotated else member


def _models(annotation: Any, value: Mapping[str, Any]) -> list[type[BaseModel]]:
    """The schema of a table: the one of several whose `model` it names."""
    models = [m for m in _members(annotation) if isinstance(m, type) and issubclass(m, BaseModel)]
    if len(models) < 2:
        return models
    return [m for m in models if value.get("model") in typing.get_args(m.model_fields["model"].annotation)]
