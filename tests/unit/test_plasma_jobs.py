"""Job files of plasmas: what is wrong with them, what they warn of, what they are estimated to take."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from hpcphys.run.errors import JobError
from hpcphys.run.job_file import parse_job
from hpcphys.run.kind import kind_of
from hpcphys.run.plasmas.declaration import declaration_of
from hpcphys.run.plasmas.rules import warnings
from hpcphys.run.used import job_text

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from small_plasmas import CHARGES, WAVES, job


def problems(text: str, *changes: str) -> str:
    with pytest.raises(JobError) as caught:
        job(text, *changes)
    return str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["time.step=0.2", "time.cfl=none"], "time.cfl"),
        (["time.step=0.2"], "time.cfl: is given together with step"),
        (["species.electrons.density='cos(5*x)'"], r"species.electrons.density: is -"),
        (["species.electrons.density='sqrt(0.1 - x)'"], "species.electrons.density"),
        (["species.electrons.density=2"], "fields.background: the plasma is periodic and not neutral: -0.3"),
        (["species.electrons.temperature=0.1"], "temperature: is given together with thermal_velocity"),
        (["species.electrons.displacement=['0']"], "displacement: found 1 components for 2 axes"),
        (["species.electrons.drift=['0', 'y*w', 0]"], "species.electrons.drift"),
        (["species.electrons.path='none.h5'"], "none.h5: no such file"),
        (["grid.upper=[1.2, -1.0]"], "grid.upper: found -1, not above lower = 0"),
        (["grid.upper=[1.0]"], "grid.upper: found 1 numbers for 2 axes"),
        (["fields.boundaries.x='conducting'"], "fields are conducting along x, particles periodic"),
        (["fields.boundaries.x=['periodic', 'absorbing']"], "two that are both periodic or both not"),
        (["fields.boundaries.z='absorbing'"], "the grid has no axis z"),
        (["fields.solver='psatd'", "fields.boundaries.x='conducting'", "particles.boundaries.x='reflecting'"],
         "'psatd' is for periodic boxes"),
        (["fields.solver='cole_karkkainen_cowan'", "fields.boundaries.x='absorbing'"],
         "absorbing layers are for the solver 'yee'"),
        (["fields.solver='electrostatic'"], "time.cfl: fields of the solver 'electrostatic' set no limit"),
        (["diagnostics.modes=[{field='E_x', index=[1]}]"], "found 1 numbers for 2 axes in index"),
        (["diagnostics.phase_space=[{species='muons'}]"], "there is no species 'muons'"),
        (["diagnostics.lines=[{field='E_x', axis='z'}]"], "the grid has no axis z"),
        (["measure.a.quantity='growth'", "measure.a.mode='mode_E_x_9'"], "modes are mode_B_z_1_0"),
        (["measure.a.quantity='gyration'", "measure.a.species='x'"], "give the name of a species: electrons"),
        (["measure.a.quantity='growth'", "measure.a.mode='mode_B_z_1_0'", "measure.a.theory='weibel'"],
         "arguments of weibel"),
        (["particles.shape='nearest'"], "particles.gather: 'nearest' has no shape one order lower"),
        (["units.length='3 seconds'"], "units.length"),
        (["species.electrons.charg=1"], "species.electrons.charg: unknown key; did you mean 'charge'"),
        (["species.electrons.mass=-1"], "species.electrons.mass: found -1"),
        (["lasers.a.position=9", "lasers.a.wavelength=1", "lasers.a.a0=1", "lasers.a.polarisation='x'"],
         "E is across the axis"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(changes, message) -> None:
    assert message in problems(WAVES, *changes)


def test_a_species_without_mass_and_a_step_beyond_courant() -> None:
    text = WAVES.replace("mass = 1\n", "").replace("cfl = 0.9", "step = 0.09")
    found = problems(text)
    assert "species.electrons.mass: is missing; a species needs it" in found
    assert "time.step: found 0.09; the solver 'yee' is stable up to 0.0707" in found
    assert found.count("\n") == 1


def test_a_wrong_species_is_not_called_missing() -> None:
    said = problems(WAVES, "species.electrons.mass=0", "diagnostics.phase_space=[{species='electrons'}]")
    assert "species.electrons.mass: found 0" in said
    assert "there is no species" not in said


def test_electrostatic_jobs_have_no_waves() -> None:
    text = problems(
        CHARGES, "fields.magnetic=[0, 0, 1]", "external.magnetic=[0, 0, 'x']",
        "diagnostics.lines=[{field='B_z'}]", "lasers.a.position=1", "lasers.a.wavelength=1", "lasers.a.a0=1",
    )  # fmt: skip
    assert "fields.magnetic: is for Maxwell's equations" in text
    assert "external.magnetic: with the solver 'electrostatic' B is uniform" in text
    assert "there is no B_z with the solver" in text
    assert "lasers.a: a laser needs Maxwell's equations" in text


def test_the_used_job_is_the_job() -> None:
    given = job(WAVES)
    again = parse_job(job_text(given), "job.used.toml", Path("/"))
    assert again == given
    assert given.time.cfl is None
    assert given.time.step == pytest.approx(0.9 * 0.1 / 2**0.5)


def test_units_become_plasma_units() -> None:
    given = job(WAVES, "units.length='2 um'", "grid.upper=['2.4 um', '1.6 um']")
    assert given.grid.upper == pytest.approx([1.2, 0.8])
    constants = declaration_of(given).constants
    assert constants.scales(2).time == pytest.approx(2e-6 / 299792458)
    si = job(WAVES, "units.system='si'", "time.steps=1")
    assert declaration_of(si).species["ions"].mass == pytest.approx(9.109e-29, rel=1e-3)


def test_warnings_have_numbers() -> None:
    assert warnings(job(WAVES), declaration_of(job(WAVES))) == []
    coarse = job(CHARGES, "species.electrons.thermal_velocity=0.05", "time.step=0.8")
    found = "\n".join(warnings(coarse, declaration_of(coarse)))
    assert "cells of 0.393 are 7.85 Debye lengths of 0.05;" in found
    assert "a step of 0.8 is 0.8/ω_p" in found
    fast = job(CHARGES, "species.electrons.drift=[5.0, 0, 0]")
    assert "particles cross up to 2.55 cells along x" in "\n".join(warnings(fast, declaration_of(fast)))


def test_estimate_and_explanation() -> None:
    given = job(WAVES)
    kind = kind_of(given)
    lines = kind.estimate(given, 2)
    assert "macro-particles: 1,152 (electrons 768, ions 384)" in lines[0]
    assert "steps: 6 of 0.06364" in "\n".join(lines)
    text = kind.explanation(given)
    for words in ("faraday", "ampere", "particles", "Conserved", "guards"):
        assert words in text
    assert "Splitting\n  leapfrog: order 2, not symmetric\n" in text
    assert "poisson" in kind.explanation(job(CHARGES))
    assert "ns for a step of a particle" in kind.trial(given)[0]
