"""What a job of a wavefunction may say, and what is measured of it before the first step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hpcphys.initial.wavefunctions import axis_shares, gaussian_factor, outside_of_gaussian
from hpcphys.run.errors import JobError
from hpcphys.run.job_file import parse_job
from hpcphys.run.used import job_text
from hpcphys.run.wavefunctions.assembly import declaration_of
from hpcphys.run.wavefunctions.declaration import numeric
from hpcphys.run.wavefunctions.phases import phases, warnings
from hpcphys.run.wavefunctions.results import spectral_lines
from hpcphys.run.wavefunctions.rules import rank_rule

JOB = """
[system]
kind = "wavefunction"
[grid]
points = [64, 48]
lower = [-8.0, -6.0]
upper = [8.0, 6.0]
[wave]
potential = "(x^2 + w*y^2)/2"
parameters = { w = 1.5 }
[initial]
model = "gaussian"
centre = [1.0, 0.0]
width = 0.7
momentum = [0.0, 1.0]
[time]
steps = 10
step = 0.02
"""


def parsed(text: str):
    return parse_job(text, "job.toml", Path("/nowhere"))


def problems(text: str) -> list[str]:
    with pytest.raises(JobError) as caught:
        parsed(text)
    return caught.value.problems


def test_the_effective_job_is_the_job():
    text = JOB + '[observables]\nplanes = { screen = { x = 2.0 } }\nreference = { model = "ground_state" }\n'
    text += '[transmission]\nbeyond = 0.0\nenergies = [1, 2]\n[exact]\nlevels = ["w/2"]\n'
    job = parsed(text)
    assert parsed(job_text(job)) == job
    assert job.observables.reference.model == "ground_state"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("w*y^2", "v*y^2", ["job.toml:9: wave.potential", "'v'", "^"]),
        ("w*y^2", "w*z^2", ["job.toml:9: wave.potential", "'z'"]),
        ("(x^2 + w*y^2)/2", "1/(x^2 + y^2)", ["job.toml:9: wave.potential", "inf at x = 0, y = 0", "soften"]),
        ("(x^2 + w*y^2)/2", "log(x)", ["job.toml:9: wave.potential", "x = -8"]),
        ("points = [64, 48]", "points = [0, 48]", ["job.toml:5: grid.points.0", "greater than"]),
        ("lower = [-8.0, -6.0]", "lower = [-8.0]", ["job.toml:6: grid.lower", "found 1 numbers for 2 axes"]),
        ("upper = [8.0, 6.0]", "upper = [8.0, -6.0]", ["job.toml:7: grid.upper", "axis y", "-6"]),
        ("w = 1.5", "w = 1.5, x = 2.0", ["wave.parameters", "x"]),
        ("centre = [1.0, 0.0]", "centre = [7.0, 0.0]", ["job.toml:13: initial.centre", "outside the box"]),
        ("width = 0.7", "width = 3.0", ["initial.centre", "along y", "outside the box -6 to 6"]),
        ("[0.0, 1.0]", "[0.0, 11.5]", ["job.toml:15: initial.momentum", "along y", "up to 12.57", "points"]),
        ("[0.0, 1.0]", "[30.0, 0.0]", ["initial.momentum", "found 30 along x", "on the grid its mean is"]),
        ("width = 0.7", "width = 0.04", ["initial.momentum", "spread"]),
        ("steps = 10", "steps = 10\nend = 1", ["time.steps: both end and steps"]),
        ("step = 0.02", 'step = 0.02\nintegrator = "blanes_moan"', ["time.integrator", "did you mean"]),
        ("[initial]", '[limits]\nnorm_eror = 1\n[initial]', ["did you mean 'norm_error'?"]),
        ("[initial]", 'absorber = "-x^2"\n[initial]', ["job.toml:11: wave.absorber", "is -64 somewhere"]),
        ("[initial]", 'absorber = "t*x^2"\n[initial]', ["wave.absorber", "depends on t"]),
        ("[initial]", "absorber = { x = [9, 9] }\n[initial]", ["wave.absorber.x", "fill the box of 16"]),
        ("[initial]", "absorber = { z = [1, 1] }\n[initial]", ["wave.absorber.z", "the grid has x, y"]),
        ("[initial]", 'vector_potential = ["x", 0]\n[initial]', ["wave.vector_potential", "gauge"]),
        ("[initial]", "vector_potential = [0]\n[initial]", ["wave.vector_potential", "1 components for 2"]),
        ("[time]", "[observables.planes]\nscreen = { x = 9 }\n[time]", ["planes.screen", "-8 to 8"]),
        ("[time]", "[observables.planes]\na = { x = 1, y = 1 }\n[time]", ["planes.a", "one axis"]),
        ("[time]", "[observables.regions]\na = { y = [2, 1] }\n[time]", ["regions.a", "lower first"]),
        ("[time]", '[exact]\ntransmission = "1"\n[time]', ["exact.transmission", "without a table"]),
        ("[time]", '[exact]\nexpectations = { energy = "x" }\n[time]', ["depends on x"]),
        ("[time]", "[exact]\nexpectations = { position = 0 }\n[time]", ["did you mean 'position_y'?"]),
        ("[time]", "[transmission]\nbeyond = 0\nenergies = [2, 1]\n[time]", ["energies", "lowest"]),
        ("[time]", '[observables.reference]\nmodel = "file"\npath = "a.h5"\n[time]', ["/nowhere/a"]),
    ],
)  # fmt: skip
def test_errors_show_line_and_key(old, new, words):
    assert old in JOB
    found = "\n".join(problems(JOB.replace(old, new)))
    for word in words:
        assert word in found, found


def test_all_problems_at_once_in_the_order_of_the_file():
    text = JOB.replace("w*y^2", "v*y^2").replace("0.02", "-1").replace("width = 0.7", "widht = 1")
    lines = [int(problem.split(":")[1]) for problem in problems(text)]
    assert lines == [9, 14, 18]


@pytest.mark.parametrize(
    ("integrator", "more", "words"),
    [
        ("yoshida4", 'mode = "imaginary"', "negative coefficient"),
        ("blanes_moan_rkn4", "[wave.absorber]\nx = [1, 1]", "an absorber"),
        ("chin4a", "[wave]\nnonlinearity = 1.0", "gradient of g|psi|²"),
        ("chin4a", '[wave]\npotential = "abs(x)"', "kinks or jumps"),
        ("blanes_moan4", '[wave]\nvector_potential = [0, "x"]', "piece of its own"),
        ("leapfrog", 'mode = "imaginary"\n[wave]\npotential = "x*t"', "no ground state"),
        ("leapfrog", 'mode = "imaginary"\n[limits]\nnorm_error = 1e-9', "imaginary time changes the norm"),
        (
            "leapfrog",
            '[limits]\nenergy_error = 1e-9\n[wave]\npotential = "x*t"',
            "depends on t changes the energy",
        ),
    ],
)
def test_what_does_not_go_together(integrator, more, words):
    text = JOB[: JOB.index("[wave]")] + JOB[JOB.index("[initial]") :]
    found = "\n".join(problems(f'{text}integrator = "{integrator}"\n{more}\n'))
    assert words in found


def test_gradients_go_with_smooth_potentials():
    assert parsed(JOB + 'integrator = "chin4a"\n').time.integrator == "chin4a"


@pytest.mark.parametrize(
    ("initial", "words"),
    [
        ('model = "expression"\nreal = "exp(-(x-1)^2-y^2)/(y - 1)"', "must be finite"),
        ('model = "expression"\nreal = "0*x"', "zero on every point"),
        ('model = "expression"\nreal = "exp(-(x - 7)^2 - y^2)"', "momenta beyond 0.9"),  # cut by the box
        ('model = "product"\nfactors = ["exp(-x^2)"]', "found 1 factors for 2 axes"),
        ('model = "product"\nfactors = ["exp(-x^2)", "x"]', "depends on x; allowed: y"),
        ('model = "product"\nfactors = ["exp(-x^2)", "sign(y)*exp(-y^2)"]', "momenta beyond 0.9"),
        ('model = "ground_state"\npotential = "1/x"', "initial.potential"),
        ('model = "superposition"\ncoefficients = []', "at least 1 item"),
    ],
)
def test_states_that_cannot_be(initial, words):
    text = JOB[: JOB.index("[initial]")] + f"[initial]\n{initial}\n" + JOB[JOB.index("[time]") :]
    assert words in "\n".join(problems(text))


def test_states_that_repeat_themselves_fit():
    """A wave that closes smoothly where the box does has no edge."""
    wave = 'model = "expression"\nreal = "cos(pi*x/4)"\nimaginary = "sin(pi*x/4)"'
    parsed(JOB[: JOB.index("[initial]")] + f"[initial]\n{wave}\n" + JOB[JOB.index("[time]") :])


def test_shares_are_those_of_the_packet():
    x = -8.0 + 0.25 * np.arange(64)
    shares = axis_shares(gaussian_factor(x, 1.0, 0.7, 2.0), 0, 0.25)
    assert shares.momentum == pytest.approx(2.0, abs=1e-12)
    assert shares.edge < 1e-15
    nyquist = np.pi / 0.25
    fast = axis_shares(gaussian_factor(x, 1.0, 0.7, 0.9 * nyquist), 0, 0.25)
    assert fast.fast == pytest.approx(0.5, abs=0.1)
    assert outside_of_gaussian(-8.0, 8.0, 8.0, 1.0) == pytest.approx(0.5)
    assert outside_of_gaussian(-1.0, 1.0, 0.0, 1.0) == pytest.approx(1.0 - 0.6826894921370859)


def test_ranks_that_a_grid_allows():
    grid = declaration_of(parsed(JOB)).grid
    assert rank_rule(grid, 64) == ""
    assert "65 ranks" in rank_rule(grid, 65)
    assert "allowed: 1 to 64" in rank_rule(grid, 65)


def test_long_steps_and_slow_grids_are_told():
    job = parsed(JOB.replace("0.02", "0.5").replace("[64, 48]", "[62, 48]"))
    declaration = declaration_of(job)
    turned = phases(job, declaration, 0.0, 59.0)
    largest = {"kinetic": 0.0, "potential": 0.0}
    from hpcphys.compiler.compositions import composition

    for stage in composition("blanes_moan_rkn4").stages(("A", "B")):
        kind = ("kinetic", "potential")[stage.piece]
        largest[kind] = max(largest[kind], abs(stage.coefficient))
    kinetic = (np.pi * 62 / 16) ** 2 / 2 + (np.pi * 48 / 12) ** 2 / 2
    assert turned.kinetic == pytest.approx(0.5 * largest["kinetic"] * kinetic)
    assert turned.potential == pytest.approx(0.5 * largest["potential"] * 59.0)
    lines = warnings(job, turned, declaration.grid)
    assert [line.split()[1] for line in lines] == ["kinetic", "potential", "x"]
    assert "the prime factor 31" in lines[2]
    assert not warnings(
        parsed(JOB), phases(parsed(JOB), declaration_of(parsed(JOB)), 0.0, 59.0), declaration.grid
    )[:-1]


def test_layers_grow_from_their_inner_edge():
    text = JOB.replace("[initial]", "absorber = { x = [2.0, 0.0], y = [0.0, 1.0] }\n[initial]")
    text = text.replace("step = 0.02", 'step = 0.02\nintegrator = "leapfrog"')
    text = text.replace("[initial]", "absorber_strength = 3.0\nabsorber_power = 2\n[initial]")
    declaration = declaration_of(parsed(text))
    w = numeric(declaration.absorber, declaration.symbols)
    assert w(np.array(-8.0), np.array(0.0)) == pytest.approx(3.0)
    assert w(np.array(-7.0), np.array(0.0)) == pytest.approx(0.75)
    assert w(np.array(-6.0), np.array(0.0)) == 0.0
    assert w(np.array(8.0), np.array(0.0)) == 0.0
    assert w(np.array(0.0), np.array(5.5)) == pytest.approx(0.75)


def test_lines_of_a_known_spectrum():
    time = 0.2 * np.arange(600)
    energies, shares = np.array([-0.7, 0.31, 2.5]), np.array([0.5, 0.3, 0.2])
    lines, strengths, resolution = spectral_lines(time, np.exp(-1j * np.outer(time, energies)) @ shares)
    assert np.abs(np.array(lines) - energies).max() < 1e-4
    assert np.abs(np.array(strengths) - shares).max() < 1e-4
    assert 0.0 < resolution < 0.2
