"""Job files of liquids: what they may say, what is said about those that may not, what they come to."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from hpcphys.run.errors import JobError
from hpcphys.run.job_file import parse_job
from hpcphys.run.kind import kind_of
from hpcphys.run.liquids.declaration import bath_temperature, ensemble_of, pairs_within, potential_of
from hpcphys.run.liquids.smaller import smaller
from hpcphys.run.liquids.start import atoms_stated, stated_box
from hpcphys.run.liquids.thermo import ThermoLines
from hpcphys.run.liquids.units import NamedUnits, Units, named_units
from hpcphys.run.used import job_text as used_job

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from liquid_jobs import (
    BERENDSEN,
    CELL,
    CHAIN,
    DUMB_BELLS,
    LANGEVIN,
    LATTICE,
    MOLECULES,
    MTK,
    NVE,
    OBSERVED,
    PAIRS,
    RESCALED,
    job_text,
)


def parsed(text: str):
    return parse_job(text, "job.toml", Path("/nowhere"))


def problems(text: str) -> str:
    with pytest.raises(JobError) as caught:
        parsed(text)
    assert caught.value.exit_code == 2
    return "\n".join(caught.value.problems)


BROKEN = [
    (LATTICE, LATTICE.replace("1.2", "0"), "initial.temperature: found 0: velocities need a temperature > 0"),
    (LATTICE, LATTICE + "\natoms = 500", "initial.cells: cells or atoms: both are given; give one of them"),
    (LATTICE, LATTICE.replace("cells = [5, 5, 5]", ""), "cells or atoms: neither is given"),
    (LATTICE, LATTICE.replace("[5, 5, 5]", "[2, 5, 5]"), "the cutoff 2.5 is more than half the box's width"),
    (LATTICE, LATTICE.replace("lattice", "latice"), "initial.model: found 'latice'; did you mean 'lattice'?"),
    (
        LATTICE,
        'model = "random"\natoms = 500',
        "initial.density: is missing; give one of density, mass_density, box.lengths",
    ),
    (LATTICE, 'model = "file"\npath = "none.data"', "initial.path: no such file: /nowhere/none.data"),
    (LATTICE, DUMB_BELLS, "initial.model: 'molecules' needs a table [molecules]"),
    (PAIRS, PAIRS + "\nsigma = [1.0, 2.0]", "pairs.model: has parameters for 2 types; types.masses has 1"),
    (PAIRS, PAIRS + "\nsigma = true", "pairs.sigma: found true; allowed: a number, a list with one number"),
    (PAIRS, PAIRS + "\nsigma = -1.0", "sigma positive; found"),
    (PAIRS, PAIRS + '\nshift = "switch"', "give switch_from, the distance where the switch begins"),
    (PAIRS, PAIRS + "\nsima = 1", "pairs.sima: unknown key; did you mean 'sigma'?"),
    (PAIRS, 'model = "table"\ncutoff = 2.5\npath = "e.txt"', "pairs.path: no such file: /nowhere/e.txt"),
    (PAIRS, 'model = "expression"\ncutoff = 2.5\nexpression = "foo(r)"', "unknown function 'foo'"),
    (
        NVE,
        BERENDSEN + "\npressure = 1.0",
        "a barostat needs pressure, pressure_period, compressibility; missing",
    ),
    (NVE, CHAIN + "\ngroups = [[0], [1]]", "ensemble.groups: found [[0], [1]]; every type of [0] belongs"),
    (NVE, LANGEVIN + "\nramp = [[1.0, 1.0], [0.0, 2.0]]", "times ascending, temperatures > 0"),
    (NVE, NVE.replace("nve", "nvt"), "ensemble.model: found 'nvt'"),
    ("step = 0.004", 'step = 0.004\nintegrator = "baoab"', "for ensemble 'nve' use 'ensemble' or one of"),
    ("step = 0.004", "step = 0.004\nadaptive = true", "time.adaptive: is for kind = 'gravity' and 'fluid'"),
    ("step = 0.004", "step = 0.004\n[types]\nmasses = [0.0]", "types.masses.0: found 0.0; allowed: greater"),
    ("step = 0.004", "step = 0.004\n[types]\nmasses = [1, 2]\nfractions = [0.5, 0.6]", "with the sum 1"),
    ("step = 0.004", "step = 0.004\n[units]\nlength = 'nm'", "units.length: is for system = 'real'"),
    ("step = 0.004", "step = 0.004\n[box]\nlengths = [9, 9, 9]", "the box follows from cells and density"),
    ("step = 0.004", f"step = 0.004\n{MOLECULES}", "'lattice' makes single atoms"),
    ("step = 0.004", "step = 0.004\n[observables]\nbegin = 3.0", "the run ends at 0.4: nothing would be"),
    ("step = 0.004", "step = 0.004\n[observables]\nrdf = { largest = 5.0 }", "allows distances up to 4.2"),
    ("step = 0.004", "step = 0.004\n[observables]\nrdf = { evry = 5 }", "observables.rdf.evry: unknown key"),
    ("step = 0.004", "step = 0.004\n[observables]\nvacf = { points = 5 }", "found 5; use an even number"),
]


@pytest.mark.parametrize(("old", "new", "found"), BROKEN)
def test_what_is_wrong_is_told_with_its_line(old, new, found):
    text = problems(job_text().replace(old, new))
    assert found in text
    assert "job.toml:" in text


def test_velocities_that_are_scaled_must_be_there():
    assert "scales velocities" in problems(
        job_text(LATTICE.replace("temperature = 1.2", ""), ensemble=RESCALED)
    )


def test_barostats_bring_their_own_composition_and_no_heat_capacity_at_constant_volume():
    text = problems(job_text(ensemble=MTK, more='integrator = "obabo"' + OBSERVED))
    assert "'mtk' brings its own composition" in text
    assert "observables.heat_capacity: is C_V of a canonical or microcanonical run" in text


@pytest.mark.parametrize("ensemble", [NVE, LANGEVIN, CHAIN, RESCALED, BERENDSEN, CELL, MTK])
def test_every_default_is_written_out_and_read_again(ensemble):
    job = parsed(job_text(ensemble=ensemble, more="" if ensemble in (CELL, MTK, BERENDSEN) else OBSERVED))
    assert parsed(used_job(job)) == job
    assert ensemble_of(job).describe()


def test_defaults_that_follow():
    assert parsed(job_text()).pairs.buffer == pytest.approx(0.3)
    wca = parsed(job_text(pairs='model = "wca"\nsigma = 1.1')).pairs
    assert wca.cutoff == pytest.approx(1.1 * 2 ** (1 / 6))
    assert 'path = "/nowhere/a.data"' not in used_job(parsed(job_text()))


def test_units_of_output():
    assert named_units(Units()).boltzmann == 1.0
    gromacs = named_units(Units(system="real"))
    assert gromacs.boltzmann == pytest.approx(0.0083144626)
    assert gromacs.time == "ps"
    kelvin = named_units(Units(system="real", length="angstrom", energy="kelvin"))
    assert kelvin.boltzmann == 1.0
    # √(u Å²/(k_B K)) with u = 1.66053907e-27 kg, k_B = 1.380649e-23 J/K
    assert kelvin.time_ps == pytest.approx(1e2 * (1.66053907e-27 / 1.380649e-23) ** 0.5, rel=1e-8)
    assert kelvin.pressure_bar == pytest.approx(138.0649)


def test_a_bath_goes_along_its_ramp_in_steps():
    table = parsed(job_text(ensemble=LANGEVIN + "\nramp = [[1.0, 1.0], [3.0, 2.0]]")).ensemble
    found = [bath_temperature(table, step, 0.01) for step in (0, 100, 199, 200, 299, 1000)]
    assert found == pytest.approx([1.0, 1.0, 1.0, 1.5, 1.5, 2.0])


def test_box_and_number_of_atoms_follow():
    job = parsed(job_text())
    assert atoms_stated(job) == 500
    assert stated_box(job).volume == pytest.approx(500 / 0.8)
    molecules = parsed(job_text(DUMB_BELLS, more=MOLECULES))
    assert atoms_stated(molecules) == 1000
    assert stated_box(molecules).volume == pytest.approx(500 / 0.35)
    random = parsed(
        job_text('model = "random"\natoms = 300', more="[box]\nlengths = [6, 7, 8]\ntilts = [1, 0, 0]")
    )
    assert stated_box(random).vectors[1].tolist() == [1.0, 7.0, 0.0]


def test_a_smaller_job_has_the_density_and_a_box_that_the_cutoff_allows():
    large = parsed(job_text(LATTICE.replace("[5, 5, 5]", "[40, 40, 80]")))
    small = smaller(large, 1000)
    assert 400 < atoms_stated(small) < 2500
    assert atoms_stated(small) / stated_box(small).volume == pytest.approx(0.8)
    assert stated_box(small).widths.min() > 2 * 2.5
    assert smaller(parsed(job_text()), 1000).initial == parsed(job_text()).initial


@pytest.mark.parametrize(
    ("exclude", "pairs"),
    [("molecule", [[0, 1], [0, 2], [1, 2]]), ("bonds", [[0, 1], [1, 2]]), ("none", [])],
)
def test_pairs_without_a_force_inside_a_molecule(exclude, pairs):
    chain = f'[molecules]\nmodel = "chain"\natoms = 3\nlength = 1.0\nexclude = "{exclude}"'
    job = parsed(job_text(DUMB_BELLS, more=chain))
    assert pairs_within(job.molecules).tolist() == pairs


def test_potentials_have_the_parameters_of_the_job():
    r = np.array([1.1, 1.7])
    for text, curve in (
        (PAIRS + "\nepsilon = 2.0\nsigma = 1.2", lambda r: 8 * ((1.2 / r) ** 12 - (1.2 / r) ** 6)),
        ('model = "morse"\ncutoff = 2.5\na = 4.0\nr0 = 1.3', lambda r: (1 - np.exp(-4 * (r - 1.3))) ** 2 - 1),
        (
            'model = "buckingham"\ncutoff = 2.5\nA = 9.0\nB = 2.0\nC = 0.3',
            lambda r: 9 * np.exp(-2 * r) - 0.3 / r**6,
        ),
        (
            'model = "expression"\ncutoff = 2.5\nexpression = "a/r^9 - r"\nparameters = { a = 3.0 }',
            lambda r: 3 / r**9 - r,
        ),
    ):
        energy, _ = potential_of(parsed(job_text(pairs=text)).pairs).curve(r)
        assert energy[0, 0] == pytest.approx(curve(r)), text


def test_a_tabulated_potential_comes_from_its_file(tmp_path):
    r = np.linspace(0.5, 3.0, 400)
    path = tmp_path / "table.txt"
    np.savetxt(path, np.stack((r, 1 / r**8, 8 / r**9), axis=1), header="r E F")
    potential = potential_of(parsed(job_text(pairs=f'model = "table"\ncutoff = 2.5\npath = "{path}"')).pairs)
    assert potential.curve(np.array([1.0]))[0][0, 0] == pytest.approx(1.0, rel=1e-5)
    path.write_text("1 2\n")
    assert "has 2 columns; three are needed" in problems(
        job_text(pairs=f'model = "table"\ncutoff = 2.5\npath = "{path}"')
    )


ROW = {
    "step": 40, "temperature": 0.75, "potential_energy": -4000.0, "kinetic_energy": 1000.0,
    "total_energy": -3000.0, "pressure": 0.25, "volume": 1250.0, "conserved_error": -1e-4,
}  # fmt: skip


def test_thermo_lines_are_those_of_lammps():
    """Per atom in reduced units, of all atoms in others; a heading once, a line where one is due."""
    reduced = ThermoLines(1000, NamedUnits(1.0), 20)
    assert reduced.lines({**ROW, "step": 30}) == ""
    heading, line = reduced.lines(ROW).splitlines()
    assert heading.split() == ["Step", "Temp", "PotEng", "KinEng", "TotEng", "Press", "Volume", "Drift/N"]
    assert [float(word) for word in line.split()] == [40, 0.75, -4.0, 1.0, -3.0, 0.25, 1250.0, -1e-4]
    assert len(reduced.lines(ROW).splitlines()) == 1
    real = ThermoLines(1000, named_units(Units(system="real")), 20)
    assert real.lines(ROW).splitlines()[2].split()[2] == "-4000"


def test_estimate_and_explanation():
    job = parsed(job_text(ensemble=BERENDSEN, more=OBSERVED.replace("heat_capacity = { every = 3 }", "")))
    kind = kind_of(job)
    text = "\n".join(kind.estimate(job, 2))
    assert "atoms: 500, orthorhombic box" in text
    assert "warning: ensemble: berendsen_thermostat" in text
    assert "NO known ensemble" in text
    text = kind.explanation(parsed(job_text(ensemble=LANGEVIN)))
    for words in (
        "baoab: order 2",
        "pairs within 2.5: LennardJones",
        "dv = -friction v dt",
        "1500 degrees of freedom",
    ):
        assert words in text


ARGON = (
    job_text(
        'model = "lattice"\ncells = [6, 6, 6]\nmass_density = "1.374 g/cm^3"\ntemperature = "94.4 K"',
        'model = "lennard_jones"\ncutoff = "7.65 angstrom"\nepsilon = "119.8 K * boltzmann_constant"\n'
        'sigma = "3.4 angstrom"',
        'model = "langevin"\ntemperature = "94.4 K"\nfriction = "1/ps"',
    ).replace("step = 0.004", 'step = "10 fs"')
    + '\n[units]\nsystem = "real"\n[types]\nmasses = ["39.948 amu"]\n'
)


@pytest.mark.parametrize(
    "units", ['system = "real"', 'system = "real"\nlength = "angstrom"\nenergy = "kelvin"']
)
def test_numbers_with_units(units):
    """The same argon in both: density 20.71/nm³, ε = 119.8 K."""
    job = parsed(ARGON.replace('system = "real"', units))
    named = named_units(job.units)
    length = 1.0 if named.length == "nm" else 10.0
    assert job.initial.density * length**3 == pytest.approx(20.713, rel=1e-4)
    assert job.initial.mass_density is None
    assert job.pairs.epsilon / named.boltzmann == pytest.approx(119.8, rel=1e-6)
    assert job.pairs.cutoff == pytest.approx(0.765 * length)
    assert job.time.step * named.time_ps == pytest.approx(0.01)
    assert job.ensemble.friction / named.time_ps == pytest.approx(1.0)
    assert parsed(used_job(job)) == job


def test_reduced_units_have_no_names():
    text = problems(ARGON.replace('[units]\nsystem = "real"', ""))
    assert "initial.temperature: found '94.4 K'; quantities of this kind of system have no units" in text
