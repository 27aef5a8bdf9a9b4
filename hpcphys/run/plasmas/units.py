"""What the numbers of a job of a plasma are: plasma units or SI, and the constants that go with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from hpcphys.io.openpmd import CHARGE, ELECTRON_MASS, LIGHT_SPEED, PERMITTIVITY, Scales
from hpcphys.run.job import Positive, Table
from hpcphys.run.units import UnitSystem


class Units(Table):
    """What one unit is.  Charges and masses of species are in those of the electron in either system."""

    system: Literal["plasma", "si"] = Field(
        "plasma",
        description="'plasma': ε0 = 1, charge and mass of the electron 1, lengths in c/ω_p and times in "
        "1/ω_p where the density is 1; 'si': m, s, V/m, T, 1/m³",
    )
    light_speed: Positive | None = Field(
        None, description="plasma units: c; none: 1. Another number makes velocities units of one's own"
    )
    length: str | None = Field(
        None,
        description="plasma units: what one unit of length is, as '10 um'; then numbers may carry units, and "
        "openPMD files say what theirs are",
    )


@dataclass(frozen=True)
class Constants:
    """light_speed, permittivity, charge and mass of the electron in the units of a job, and these in SI."""

    light_speed: float
    permittivity: float
    charge: float
    mass: float
    metres: float | None

    def scales(self, dimension: int) -> Scales:
        """For openPMD: without a length of one's own, that of a plasma with c/ω_p = 1 m."""
        if self.permittivity != 1.0:
            return Scales(dimension=dimension)
        return Scales.plasma(self.metres or 1.0, dimension, self.light_speed)


def constants_of(units: Units) -> Constants:
    """The constants of a table [units].  Raises UnitError for a length that is none."""
    if units.system == "si":
        return Constants(LIGHT_SPEED, PERMITTIVITY, CHARGE, ELECTRON_MASS, 1.0)
    metres = None if units.length is None else _metres(units.length)
    return Constants(units.light_speed or 1.0, 1.0, 1.0, 1.0, metres)


def unit_system(table: Any) -> UnitSystem | None:
    """What "10 um" or "5 fs" are converted to; None where plasma units do not say their length."""
    try:
        units = Units.model_validate(table or {})
        constants = constants_of(units)
    except ValueError:
        return None
    if units.system == "si":
        return UnitSystem("1 metre", "1 kilogram", "1 second")
    if constants.metres is None:
        return None
    scales = constants.scales(3)
    return UnitSystem(f"{scales.length!r} metre", "1 electron_mass", f"{scales.time!r} second")


def _metres(text: str) -> float:
    return UnitSystem("1 metre", "1 kilogram", "1 second").number(text, "length")
