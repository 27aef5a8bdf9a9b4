"""What the numbers of a job are: reduced units, or nanometres and the like with the time that follows."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Any, Literal

from pydantic import Field, ValidationError

from hpcphys.run.job import Table
from hpcphys.run.units import UnitSystem

GAS_CONSTANT = 8.31446261815324e-3
"""k_B N_A [kJ/(mol K)], exact since 2019 (CODATA)."""

BAR = 16.6053906717384666
"""One kJ/(mol nm³) in bar: 1e30/N_A Pa."""

LENGTHS = {"nm": 1.0, "angstrom": 0.1}
"""In nm."""
ENERGIES = {"kJ/mol": 1.0, "kcal/mol": 4.184, "eV": 96.48533212331002, "kelvin": GAS_CONSTANT}
"""In kJ/mol.  "kelvin": energies are given as E/k_B."""


class Units(Table):
    """What one unit of length, energy and mass is.  The unit of time follows: length √(mass/energy), which is
    1 ps for nm, kJ/mol and u."""

    system: Literal["lj", "real"] = Field(
        "lj", description="'lj': reduced units, k_B = 1; 'real': those named here, temperatures in kelvin"
    )
    length: Literal["nm", "angstrom"] | None = Field(None, description="real: unit of length; none: nm")
    energy: Literal["kJ/mol", "kcal/mol", "eV", "kelvin"] | None = Field(
        None, description="real: unit of energy ('kelvin': E/k_B); none: kJ/mol"
    )
    mass: Literal["u"] | None = Field(None, description="real: unit of mass; none: u (= g/mol)")


@dataclass(frozen=True)
class NamedUnits:
    """Names for output and the constants that follow.

    boltzmann: k_B [energy/temperature];  time_ps, pressure_bar: one unit of time, of pressure; nan if reduced
    """

    boltzmann: float
    length: str = ""
    energy: str = ""
    mass: str = ""
    temperature: str = ""
    time_ps: float = float("nan")
    pressure_bar: float = float("nan")

    @property
    def reduced(self) -> bool:
        """Whether these are Lennard-Jones units."""
        return not self.length

    @property
    def time(self) -> str:
        """Name of the unit of time."""
        if self.reduced:
            return ""
        return "ps" if abs(self.time_ps - 1.0) < 1e-9 else f"{self.time_ps:.6g} ps"

    def for_files(self) -> dict[str, str]:
        """Names as H5MD and MDAnalysis spell them, where they have one."""
        names = {"length": {"nm": "nm", "angstrom": "Angstrom"}.get(self.length, ""), "mass": self.mass}
        if self.time == "ps":
            names |= {"time": "ps", "velocity": f"{names['length']} ps-1"}
        return {dimension: name for dimension, name in names.items() if name}


def named_units(units: Units) -> NamedUnits:
    """The names and constants of a table [units]."""
    if units.system == "lj":
        return NamedUnits(1.0)
    length, energy = units.length or "nm", units.energy or "kJ/mol"
    scale, unit = LENGTHS[length], ENERGIES[energy]
    return NamedUnits(
        boltzmann=1.0 if energy == "kelvin" else GAS_CONSTANT / unit,
        length=length,
        energy=energy,
        mass=units.mass or "u",
        temperature="K",
        time_ps=scale * sqrt(1.0 / unit),  # √(u nm²/(kJ/mol)) is a picosecond
        pressure_bar=unit / scale**3 * BAR,
    )


def unit_system(table: Any) -> UnitSystem | None:
    """What texts like "94.4 K" are converted to; None for reduced units, or a table that is not valid."""
    try:
        units = Units.model_validate(table or {})
    except ValidationError:
        return None
    if units.system == "lj":
        return None
    named = named_units(units)
    return UnitSystem(f"1 {named.length}", f"1 {named.mass}", f"{named.time_ps!r} ps", "1 kelvin")
