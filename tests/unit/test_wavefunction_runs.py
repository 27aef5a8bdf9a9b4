"""Runs of wavefunctions inside this process: what they measure, and the numbers they have to reach."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hpcphys.decomposition.communicator import Communicator
from hpcphys.io.rows import DataFileError
from hpcphys.kernels import backend
from hpcphys.report.log import Log
from hpcphys.report.timers import Timers
from hpcphys.run.errors import RunError
from hpcphys.run.job_file import parse_job
from hpcphys.run.kind import kind_of
from hpcphys.run.wavefunctions.simulation import WaveSimulation
from hpcphys.run.wavefunctions.snapshots import read_wavefunction, write_wavefunction

SERIAL = Communicator.serial()

JOB = """
[system]
kind = "wavefunction"
[grid]
points = [{points}]
lower = {lower}
upper = {upper}
[wave]
{wave}
[initial]
{initial}
[time]
steps = {steps}
step = {step}
integrator = "{integrator}"
{more}
"""
START = {
    "points": 64, "lower": -8.0, "upper": 8.0, "wave": 'potential = "x^2/2"', "steps": 20, "step": 0.05,
    "initial": 'model = "gaussian"\nwidth = 0.7071067811865476', "integrator": "blanes_moan_rkn4", "more": "",
}  # fmt: skip


def job(**given):
    return parse_job(JOB.format(**{**START, **given}), "job.toml", Path("/nowhere"))


def simulation(**given) -> WaveSimulation:
    """A run that has begun."""
    chosen = job(**given)
    runtime = backend("cpu", threads=1)
    made = kind_of(chosen).simulation(chosen, runtime, SERIAL, Timers(SERIAL), Log(1), None)
    made.start(resumed=False)
    return made


def finished(**given) -> tuple[WaveSimulation, dict]:
    """A run at its end, and its metrics; two rows of diagnostics."""
    run = simulation(**given)
    run.row()
    run.advance(run.job.time.steps, diagnosed=True)
    return run, run.metrics(run.row(), run.job.time.steps, 1.0)


COHERENT = {
    "points": 96,
    "wave": 'potential = "x^2/2"\ndefinitions = { c = "2*cos(t)", p = "-2*sin(t)" }',
    "initial": 'model = "gaussian"\ncentre = 2.0\nwidth = 0.7071067811865476',
    "integrator": "blanes_moan_rkn6",
    "steps": 300,
    "step": 2.0 * np.pi / 300,
    "more": '[exact]\nreal = "pi^(-1/4)*exp(-(x - c)^2/2)*cos(p*(x - c) - sin(2*t) - t/2)"\n'
    'imaginary = "pi^(-1/4)*exp(-(x - c)^2/2)*sin(p*(x - c) - sin(2*t) - t/2)"\n'
    'expectations = { position_x = "c", momentum_x = "p", energy = 2.5 }',
}


def test_a_coherent_state_comes_back_after_one_period():
    _, metrics = finished(**COHERENT, lower=-10.0, upper=10.0)
    assert metrics["wave_error"] < 1e-11
    assert metrics["position_x_error_max"] < 1e-11
    assert metrics["norm_error_max"] < 1e-12


def test_long_steps_of_leapfrog_are_measured():
    _, metrics = finished(**{**COHERENT, "integrator": "leapfrog"}, lower=-10.0, upper=10.0)
    assert 1e-4 < metrics["wave_error"] < 1e-2


def test_a_free_packet_is_exact_whatever_the_step():
    tau = 'definitions = { tau = "t/2", q = "x - 2*t" }'
    size = "(2*pi*(1 + tau^2))^(-1/4)*exp(-q^2/(4*(1 + tau^2)))"
    angle = "q^2*tau/(4*(1 + tau^2)) - atan(tau)/2 + 2*x - 2*t"
    _, metrics = finished(
        points=256, lower=-24.0, upper=32.0, wave=tau, initial='model = "gaussian"\nmomentum = 2.0',
        integrator="leapfrog", steps=4, step=0.5,
        more=f'[exact]\nreal = "{size}*cos({angle})"\nimaginary = "{size}*sin({angle})"\n'
        'expectations = { position_width_x = "sqrt(1 + tau^2)" }',
    )  # fmt: skip
    assert metrics["wave_error"] < 1e-13
    assert metrics["position_width_x_error_max"] < 1e-12


def test_transmission_over_a_band_of_energies():
    run, metrics = finished(
        points=512, lower=-125.0, upper=125.0, wave='potential = "1/cosh(x)^2"', steps=530, step=0.1,
        initial='model = "gaussian"\ncentre = -20.0\nwidth = 3.0\nmomentum = 1.6',
        more="[transmission]\nbeyond = 0.0\nenergies = [0.9, 1.8]\ncount = 19\n[exact]\n"
        'transmission = "sinh(pi*sqrt(2*energy))^2/(sinh(pi*sqrt(2*energy))^2 + cosh(pi/2*sqrt(7))^2)"',
    )  # fmt: skip
    sweep = metrics["transmission"]
    assert len(sweep["energies"]) == 19
    assert 0.5 < sweep["transmission"][0] < sweep["transmission"][-1] < 1.0
    assert sweep["error_max"] < 1e-4
    assert run.memory["incoming"] == run.sweep.incoming.tolist()


def test_the_oscillators_ground_state_in_three_dimensions():
    sphere = 'potential = "(x^2 + y^2 + z^2)/2"'
    given = {"points": "26, 26, 26", "lower": -6.5, "upper": 6.5, "wave": sphere, "steps": 1}
    run, metrics = finished(**given, initial='model = "ground_state"\ntolerance = 1e-11')
    assert run.levels == metrics["levels"]
    assert abs(metrics["energy"] - 1.5) < 1e-10
    relaxing = {**given, "steps": 100, "step": 0.1, "integrator": "chin4a", "more": 'mode = "imaginary"'}
    _, relaxed = finished(**relaxing, initial='model = "gaussian"\nwidth = 0.8\ncentre = 0.1')
    assert abs(relaxed["energy"] - 1.5) < 1e-8
    assert relaxed["norm"] == pytest.approx(1.0, abs=1e-13)


def test_a_soliton_keeps_its_shape():
    """Zakharov & Shabat (1972): sqrt(c/2) exp(i v x + i (c² - v²) t/2)/cosh(c (x - v t)) for g = -2c."""
    wave = 'nonlinearity = -2.0\ndefinitions = { q = "x + 4 - t", w = "x + 4" }'
    initial = 'model = "expression"\nreal = "cos(w)/cosh(w)"\nimaginary = "sin(w)/cosh(w)"'
    exact = (
        '[exact]\nreal = "sqrt(1/2)*cos(w)/cosh(q)"\nimaginary = "sqrt(1/2)*sin(w)/cosh(q)"\n'
        "expectations = { chemical_potential = 0.0 }"
    )
    _, metrics = finished(
        points=384, lower=-40.0, upper=40.0, wave=wave, initial=initial, integrator="blanes_moan4", steps=200,
        step=0.01, more=exact,
    )  # fmt: skip
    assert metrics["wave_error"] < 1e-8
    assert metrics["chemical_potential_error_max"] < 1e-8


def test_a_condensates_chemical_potential():
    """E = 1.0441 as Bao & Tang (2003, J. Comput. Phys. 187, 230) found for beta = 3.1371; the chemical
    potential is that of Newton's method on the same equation (tests/validate)."""
    run, metrics = finished(
        points=96, lower=-10.0, upper=10.0, wave='potential = "x^2/2"\nnonlinearity = 3.1371', steps=1,
        step=1e-3, integrator="leapfrog", initial='model = "ground_state"\ntolerance = 1e-6',
    )  # fmt: skip
    assert metrics["energy"] == pytest.approx(1.044098, abs=1e-6)
    assert run.levels[0] == pytest.approx(1.526595, abs=3e-6)


def test_a_product_is_the_same_in_one_two_and_three_dimensions():
    potentials = ("x^2/2", "(x^2 + y^2)/2", "(x^2 + y^2 + z^2)/2")
    waves = [
        finished(
            points=", ".join(["24"] * (n + 1)), lower=-5.5, upper=5.5, wave=f'potential = "{text}"', steps=8,
            initial='model = "gaussian"\nwidth = 0.6\nmomentum = 0.5',
        )[0].state["wavefunction"]
        for n, text in enumerate(potentials)
    ]  # fmt: skip
    line, plane, space = waves
    assert np.abs(plane - line[:, None] * line).max() < 1e-14
    assert np.abs(space - line[:, None, None] * line[:, None] * line).max() < 1e-14


def test_superpositions_tunnel():
    """P_left of (φ0 + φ1)/sqrt(2) swings with the splitting of the two levels."""
    run = simulation(
        points=64, lower=-4.921875, upper=5.078125, wave='potential = "3*((x/1.5)^2 - 1)^2"', steps=1,
        initial='model = "superposition"\ncoefficients = [1, 1]',
        more="[observables]\nregions = { left = { x = [-4.921875, 0.0] } }",
    )  # fmt: skip
    splitting = run.levels[1] - run.levels[0]
    left = [run.row()["probability_left"]]
    for _ in range(3):
        run.advance(round(np.pi / splitting / 2 / 0.05), diagnosed=True)
        left.append(run.row()["probability_left"])
    depth = abs(left[0] - 0.5)
    phase = splitting * run.state.time / 3
    for k, share in enumerate(left):
        assert share - 0.5 == pytest.approx(np.sign(left[0] - 0.5) * depth * np.cos(k * phase), abs=1e-6)


def test_limits_end_the_run():
    run = simulation(more="[limits]\nnorm_error = 1e-17\nenergy_error = 1.0")
    first = run.row()
    run.check(first)
    run.advance(20, diagnosed=True)
    with pytest.raises(RunError, match=r"norm error .* after step 20 .* norm_error = 1e-17; use a shorter"):
        run.check(run.row())


def test_numbers_that_are_none_are_caught_at_their_step():
    """V has a pole in time at t = 0.4, the end of the eighth step."""
    run = simulation(wave='potential = "x^2/2 + x/(8*t - 3.2)"', integrator="leapfrog")
    with pytest.raises(RunError, match=r"potential.* after step 8 at time 0.4"):
        run.advance(20, diagnosed=True)
    spike = simulation()
    spike.state["wavefunction"][5] = np.nan
    spike.advance(20, diagnosed=True)
    assert spike.state.step == 1
    assert not spike.is_finite()
    with pytest.raises(RunError, match=r"the wavefunction at x = -8 is .*nan.* after step 1"):
        spike.raise_not_finite()


def test_snapshots_come_back(tmp_path):
    for points, dimension in (("16", 1), ("16, 12", 2), ("8, 6, 4", 3)):
        real = " + ".join(["3 + cos(pi*x/6)", "sin(pi*y/6)", "1"][:dimension])
        wave = f'model = "expression"\nreal = "{real}"'
        run = simulation(points=points, wave="", lower=-6.0, upper=6.0, initial=wave)
        psi = run.state["wavefunction"] * np.exp(1j * run.grid.axes[0].reshape(-1, *[1] * (dimension - 1)))
        path = tmp_path / f"wavefunction_{dimension}.h5"
        write_wavefunction(path, SERIAL, run.grid, psi, 1.0, 3, "text")
        assert path.with_suffix(".xdmf").exists() == (dimension > 1)
        assert np.array_equal(read_wavefunction(str(path), SERIAL, run.grid), psi)
    wide = 'model = "expression"\nreal = "1"'
    other = simulation(points="12, 16", wave="", lower=-6.0, upper=6.0, initial=wide)
    with pytest.raises(DataFileError, match="holds 16 x 12 points"):
        read_wavefunction(str(tmp_path / "wavefunction_2.h5"), SERIAL, other.grid)


def test_what_check_and_explain_say():
    driven = job(points="24, 20", wave='potential = "x^2 + y*cos(t)"\nnonlinearity = 0.5', more="",
                 integrator="blanes_moan4")  # fmt: skip
    kind = kind_of(driven)
    said = "\n".join([*kind.estimate(driven, 40), *kind.trial(driven)])
    for words in (
        "grid: 24 x 20 points", "the run will be refused: 40 ranks", "phases of one flow: kinetic up to",
        "rate here:",
    ):  # fmt: skip
        assert words in said, said
    explained = kind.explanation(driven)
    for words in (
        "V = x**2 + y*cos(t)", r"g |\psi|^2", "blanes_moan4: order 4", "7 pairs of Fourier transforms",
        "norm: exact to rounding", "depends on time", "slabs along x, transposed twice",
    ):  # fmt: skip
        assert words in explained, explained


def test_states_are_given_their_momentum():
    plain = simulation(initial='model = "gaussian"\nwidth = 0.8\nmomentum = 1.5', wave="")
    made = simulation(initial='model = "product"\nfactors = ["exp(-x^2/2.56)"]\nmomentum = 1.5', wave="")
    assert np.abs(made.state["wavefunction"] - plain.state["wavefunction"]).max() < 1e-14
    relaxed = simulation(initial='model = "excited_state"\nindex = 2\nmomentum = -0.5').row()
    assert relaxed["momentum_x"] == pytest.approx(-0.5, abs=1e-6)
    assert relaxed["energy"] == pytest.approx(2.5 + 0.125, abs=1e-8)


def test_overlaps_with_the_start_and_with_a_reference():
    """Two Gaussians of width 1/sqrt(2), a apart: |<a|b>|² = exp(-a²/2); the start turns by t/2."""
    reference = 'reference = { model = "gaussian", width = 0.7071067811865476, centre = 1.0 }'
    run = simulation(more=f"[observables]\nautocorrelation = true\n{reference}", steps=20)
    run.advance(20, diagnosed=True)
    row = run.row()
    assert row["overlap"] == pytest.approx(np.exp(-0.5), abs=1e-8)
    assert np.allclose(row["autocorrelation"], [np.cos(0.5), -np.sin(0.5)], atol=1e-5)


def test_absorbers_take_the_norm():
    run = simulation(
        points=128, lower=-10.0, upper=10.0, wave="absorber = { x = [0.0, 5.0] }\nabsorber_strength = 10.0",
        initial='model = "gaussian"\nmomentum = 4.0', integrator="leapfrog", steps=150,
        more="[observables]\nplanes = { entry = { x = 4.0 } }",
    )  # fmt: skip
    through = 0.0
    for _ in range(150):
        through += 0.025 * run.row()["flux_entry"]
        run.advance(1, diagnosed=True)
        row = run.row()
        through += 0.025 * row["flux_entry"]
    assert row["norm"] < 0.02
    assert through == pytest.approx(1.0, abs=0.02)
    assert "norm_error" not in row


def test_the_next_run_begins_with_a_snapshot(tmp_path):
    run = simulation(initial='model = "gaussian"\ncentre = 1.0\nmomentum = 0.5')
    path = tmp_path / "wavefunction_000.h5"
    write_wavefunction(path, SERIAL, run.grid, run.state["wavefunction"], 0.0, 0, "text")
    again = simulation(initial=f'model = "file"\npath = "{path}"')
    assert np.abs(again.state["wavefunction"] - run.state["wavefunction"]).max() < 1e-15
