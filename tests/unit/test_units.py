"""Numbers with units in job files."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from hpcphys.run.errors import JobError
from hpcphys.run.job_file import parse_job
from hpcphys.run.job_reference import schema
from hpcphys.run.units import ATOMIC, DIMENSIONS, EXAMPLES, Quantity, UnitError, UnitSystem

GALAXY = """
[system]
kind = "gravity"
[initial]
model = "encounter"
pericentre = "5 kpc"
primary = { model = "hernquist", scale_radius = "2 kpc", mass = "2e11 Msun" }
[gravity]
softening = "50 pc"
[units]
length_kpc = 2.0
mass_1e10_msun = 10.0
[time]
end = "1 Gyr"
step = 0.01
[output]
snapshot_every = "100 Myr"
"""

WAVE = """
[system]
kind = "wavefunction"
[grid]
points = [64, 64]
lower = ["-5 angstrom", -8]
upper = "5 angstrom"
[initial]
model = "gaussian"
width = "0.5 angstrom"
[transmission]
beyond = 0
energies = ["1 eV", 2]
[time]
end = "1 fs"
step = 0.01
"""

ANGSTROM, FEMTOSECOND, VOLT = 1.8897261246, 41.341373335, 0.036749322176
"""In atomic units (CODATA 2018)."""


def parsed(text: str):
    return parse_job(text, "job.toml", Path("/"))


def problems(text: str) -> list[str]:
    with pytest.raises(JobError) as caught:
        parsed(text)
    return caught.value.problems


def test_galaxies_are_in_the_units_of_the_job():
    job = parsed(GALAXY)
    assert job.initial.pericentre == pytest.approx(2.5, rel=1e-12)
    assert job.initial.primary.scale_radius == pytest.approx(1.0, rel=1e-12)
    assert job.initial.primary.mass == pytest.approx(2.0, rel=1e-9)
    assert job.gravity.softening == pytest.approx(0.025, rel=1e-12)
    # G M T² = L³ with G = 4.30091e-6 kpc (km/s)²/Msun and 1 kpc/(km/s) = 0.977792 Gyr
    unit = 0.97779222 * math.sqrt(2.0**3 / (43009.1727 * 10.0))
    assert job.time.end == pytest.approx(1.0 / unit, rel=1e-7)
    assert job.output.snapshot_every == pytest.approx(0.1 / unit, rel=1e-7)
    assert parsed(GALAXY + "[run]\nthreads = 1\n").time == job.time


def test_time_follows_the_constant_of_gravity():
    one, four = (parsed(GALAXY.replace("[gravity]", f"[gravity]\nG = {G}")).time.end for G in (1.0, 4.0))
    assert one == pytest.approx(2.0 * four, rel=1e-12)  # the unit of time is twice as long


def test_wavefunctions_are_in_atomic_units():
    job = parsed(WAVE)
    assert job.grid.lower == pytest.approx([-5 * ANGSTROM, -8.0], rel=1e-9)
    assert job.grid.upper == pytest.approx(5 * ANGSTROM, rel=1e-9)
    assert job.initial.width == pytest.approx(0.5 * ANGSTROM, rel=1e-9)
    assert job.transmission.energies == pytest.approx([VOLT, 2.0], rel=1e-9)
    assert job.time.end == pytest.approx(FEMTOSECOND, rel=1e-9)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            '"50 pc"',
            '"50 parsek"',
            "job.toml:9: gravity.softening: found '50 parsek': the unit 'parsek' is not",
        ),
        ('"50 pc"', '"50 parsek"', "did you mean 'parsec'?"),
        (
            '"1 Gyr"',
            '"1 kpc"',
            "job.toml:14: time.end: found '1 kpc': this is no time; give one, as \"2 fs\"",
        ),
        ('"1 Gyr"', '"7"', "it has no unit; give a number, or a unit"),
        ('"1 Gyr"', '"soon or later"', "time.end: found 'soon or later'"),
        ('"1 Gyr"', '"-1 Gyr"', "time.end: found -"),
        ('"2e11 Msun"', '"2e11 s"', "initial.primary.mass: found '2e11 s': this is no mass"),
        ("length_kpc = 2.0", "length_kpc = -2.0", "units.length_kpc: found -2.0"),
        ("softening", "tolerance", "gravity.tolerance: found '50 pc'; allowed: a valid number"),
    ],
)
def test_what_is_no_quantity_is_refused(old, new, words):
    assert old in GALAXY
    assert any(words in problem for problem in problems(GALAXY.replace(old, new))), problems(
        GALAXY.replace(old, new)
    )


def test_kinds_without_units_say_so():
    text = """
[system]
kind = "fluid"
[grid]
points = 32
[initial]
model = "taylor_green"
[time]
end = "1 s"
step = 0.01
"""
    assert problems(text) == [
        "job.toml:9: time.end: found '1 s'; quantities of this kind of system have no units: give a number"
    ]


def test_every_example_is_of_its_dimension():
    real = UnitSystem("1 nm", "1 amu", "1 ps", "1 K")
    assert EXAMPLES.keys() == DIMENSIONS.keys()
    for dimension, example in EXAMPLES.items():
        assert real.number(example, dimension) > 0.0
    assert real.number("25 degC", "temperature") == pytest.approx(298.15)
    assert real.number("1.5 nm^2 amu / ps^2", "energy") == pytest.approx(1.5)
    with pytest.raises(UnitError, match="unit of temperature"):
        ATOMIC.number("300 K", "temperature")
    with pytest.raises(ValueError, match="known are length"):
        Quantity("lenght")


def test_editors_allow_numbers_and_text():
    step = json.loads(schema())["$defs"]["GravityTime"]["properties"]["step"]
    assert '"type": "string"' in json.dumps(step)
    assert '"type": "number"' in json.dumps(step)
