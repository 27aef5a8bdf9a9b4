"""The benchmarks of scaling/: judge, loops and fits are right, and each program prints its tables."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from scaling import (
    compare,
    compiler,
    distributions,
    field_memory,
    force,
    gravity,
    halo,
    limits,
    liquids,
    main_job,
    memory,
    ranks,
    turbulence,
    wavefunctions,
)
from scaling.communication_model import CommunicationModel, Measured
from scaling.error_curve import Curve
from scaling.exact_field import Errors, ExactSample
from scaling.force import Evaluation
from scaling.launching import launched
from scaling.printed import Table, figure
from scaling.timing import Timing, timed
from scaling.verdict import Verdict

EPSILON = 0.05


def plummer_fields(position, mass, rows):
    """Acceleration and potential with Plummer softening, by NumPy."""
    d = position[None, :, :] - position[rows][:, None, :]
    r2 = (d**2).sum(axis=2) + EPSILON**2
    phi = -(mass / np.sqrt(r2)).sum(axis=1) + mass[rows] / EPSILON
    return (mass[None, :, None] * d / r2[:, :, None] ** 1.5).sum(axis=1), phi


def evaluated(median: float, worst: float, rate: float) -> Evaluation:
    return Evaluation(1000, Timing(1000 / rate, 1.0), Errors(median, worst), 1.0, 1.0, 0.0)


def test_exact_sample_is_the_plummer_sum():
    rng = np.random.default_rng(2)
    position, mass = rng.normal(size=(300, 3)), rng.random(300)
    sample = ExactSample(position, mass, EPSILON, "plummer", sample=40)
    acceleration, phi = plummer_fields(position, mass, sample.rows)
    np.testing.assert_allclose(sample.acceleration, acceleration, rtol=1e-11)
    np.testing.assert_allclose(sample.potential, phi, rtol=1e-11)


def test_exact_spline_force_is_the_gradient_of_its_potential_and_newton_outside():
    # Two particles at distance r: the force is dφ/dr, and φ joins -1/r at r = h.
    h = 2.8 * EPSILON
    for r in np.array([0.2, 0.499, 0.501, 0.8, 0.999, 1.001, 3.0]) * h:
        step = 1e-6 * h
        phi, slope = [], None
        for x in (r - step, r, r + step):
            position = np.array([[0.0, 0, 0], [x, 0, 0]])
            found = ExactSample(position, np.array([1.0, 2.0]), EPSILON, "spline")
            phi.append(found.potential[0])
            slope = found.acceleration[0, 0] if x == r else slope
        assert slope == pytest.approx((phi[2] - phi[0]) / (2 * step), rel=1e-6)
        if r > h:
            assert phi[1] == pytest.approx(-2.0 / r, rel=1e-12)


def test_exact_spline_at_the_centre():
    position = np.zeros((2, 3))
    found = ExactSample(position, np.ones(2), EPSILON, "spline")
    assert found.potential == pytest.approx(-1.0 / EPSILON)


def test_errors_follow_the_identity_of_rows():
    rng = np.random.default_rng(2)
    position, mass = rng.normal(size=(300, 3)), rng.random(300)
    sample = ExactSample(position, mass, EPSILON, sample=300)
    order = rng.permutation(300)
    acceleration, phi = sample.acceleration[order] * 1.01, sample.potential[order] * 1.002
    found = sample.errors(order, acceleration, phi)
    assert found.median == pytest.approx(0.01)
    assert found.worst == pytest.approx(0.01)
    assert found.potential == pytest.approx(0.002)


@pytest.mark.parametrize("real", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("kernel", "potential"),
    [
        ("pairs_newton", False),
        ("pairs_cube", False),
        ("pairs_newton_potential", True),
        ("pairs_cube_potential", True),
    ],
)
def test_bare_pair_loops_sum_the_field(real, kernel, potential):
    loops = limits.Loops(real)
    registers = limits.REGISTER_BLOCKS[0]
    block = loops.block(registers)
    sources = loops.sources(4)
    field = np.full(4 * block, np.nan, real)
    targets = [axis[:block].copy() for axis in loops.targets]
    loops.module(registers).launch(kernel, 1, *targets, sources, len(sources), limits.EPSILON2, field)
    d = sources[None, :, :3].astype(float) - np.stack(targets, axis=1)[:, None, :]
    r2 = (d**2).sum(axis=2) + limits.EPSILON2
    wanted = (sources[:, 3] / r2**1.5)[:, :, None] * d
    tolerance = 2e-6 if real is np.float32 else 1e-12
    np.testing.assert_allclose(
        field.reshape(4, block)[:3].T, wanted.sum(axis=1), rtol=tolerance, atol=tolerance
    )
    if potential:
        np.testing.assert_allclose(
            field[3 * block :], -(sources[:, 3] / np.sqrt(r2)).sum(axis=1), rtol=tolerance
        )


@pytest.mark.parametrize("kernel", ["cells_newton_potential", "cells_cube_potential"])
def test_bare_cell_loops_sum_the_field(kernel):
    loops = limits.Loops(np.float32)
    registers = limits.REGISTER_BLOCKS[0]
    block = loops.block(registers)
    cells = loops.sources(10)[:64]
    field = np.full(4 * block, np.nan, np.float32)
    targets = [axis[:block].copy() for axis in loops.targets]
    loops.module(registers).launch(kernel, 1, *targets, cells, len(cells), limits.EPSILON2, field)
    c = cells.astype(float)
    q = np.stack((c[:, [4, 7, 8]], c[:, [7, 5, 9]], c[:, [8, 9, 6]]), axis=1)

    def potential(at):
        d = c[None, :, :3] - at[:, None, :]
        rho = np.sqrt((d**2).sum(axis=2) + limits.EPSILON2)
        return -(c[:, 3] / rho + 0.5 * np.einsum("tca,cab,tcb->tc", d, q, d) / rho**5).sum(axis=1)

    at, step = np.stack(targets, axis=1).astype(float), 1e-5
    np.testing.assert_allclose(field[3 * block :], potential(at), rtol=5e-5)
    for axis in range(3):
        move = step * np.eye(3)[axis]
        gradient = (potential(at + move) - potential(at - move)) / (2 * step)
        np.testing.assert_allclose(field[axis * block : (axis + 1) * block], -gradient, rtol=3e-4, atol=1e-6)


def test_curve_interpolates_and_says_what_is_out_of_reach():
    tolerances = (0.08, 0.02, 0.005)
    curve = Curve(tolerances, tuple(evaluated(t / 40, t / 4, 1e6 * t**0.25) for t in tolerances))
    assert curve.tolerance_for(1.0, 0.007 / 4) == pytest.approx(0.007)
    assert curve.tolerance_for(0.007 / 40, 1.0) == pytest.approx(0.007)
    assert curve.tolerance_for(1.0, 1.0) == 0.08
    assert curve.tolerance_for(1.0, 1e-4) is None
    assert curve.rate_for(1.0, 0.007 / 4) == pytest.approx(1e6 * 0.007**0.25)


def test_model_finds_its_own_coefficients():
    measured = [
        Measured(
            r,
            1e6 / r,
            30.0 * (1e6 / r) ** (2 / 3) + 1e4 * np.log2(r) + 500.0,
            20.0,
            3.0 + 2.0 * np.log2(r),
            40.0,
        )
        for r in (2, 4, 8, 16, 32, 64)
    ]
    model = CommunicationModel.fitted(measured)
    assert model.imports == pytest.approx((30.0, 1e4, 500.0), rel=1e-3)
    assert model.residual < 1e-6
    assert model.messages(1024) == pytest.approx(3.0 + 2.0 * 10 + 20.0 * 10)
    with pytest.raises(ValueError, match="at least 3"):
        CommunicationModel.fitted(measured[:2])


def test_distributions_have_what_they_promise():
    for make in (distributions.plummer, distributions.plummer_unequal, *distributions.UNSEEN.values()):
        arrays = make(500)
        assert arrays["position"].shape == arrays["velocity"].shape == (500, 3)
        assert np.array_equal(arrays["id"], np.arange(500))
        assert np.isfinite(arrays["position"]).all()
    mass = distributions.plummer_unequal(4000)["mass"]
    assert mass.sum() == pytest.approx(1.0)
    assert mass.max() / mass.min() > 300


def test_fractal_has_its_dimension():
    # Pairs within r grow as r^D between the deepest cells and the whole.
    position = distributions.fractal(3000)["position"]
    distance = np.sqrt(((position[:, None] - position[None]) ** 2).sum(axis=2))
    near, far = ((distance < r).sum() - len(position) for r in (0.05, 0.4))
    assert np.log(far / near) / np.log(8) == pytest.approx(distributions.FRACTAL_DIMENSION, abs=0.5)


def test_tables_align_and_verdicts_count(capsys):
    table = Table("title", "name", "value")
    table.add("a", 1234.5)
    table.add("longer", None)
    assert table.text().splitlines() == ["title", "  name    value", "  a        1234", "  longer      -"]
    assert figure(3.2e-4) == "3.2e-04"
    with pytest.raises(ValueError, match="1 cells for 2 columns"):
        table.add("a")
    verdict = Verdict()
    verdict.at_least("fast", 2.0, 1.0)
    verdict.at_most("small", 2.0, 1.0)
    verdict.at_least("unreachable", None, 1.0)
    verdict.show()
    assert verdict.missed == ["small", "unreachable"]
    assert "1 of 3 reached" in capsys.readouterr().out


def test_timed_takes_the_best_and_prepares_each():
    calls = []
    found = timed(lambda: calls.append("run"), 3, lambda: calls.append("before"))
    assert calls == ["before", "run"] * 3
    assert found.cpu >= 0
    with pytest.raises(ValueError, match="at least one"):
        timed(lambda: None, 0)


def test_launched_says_why_a_run_failed():
    with pytest.raises(RuntimeError, match=r"exit status 3\n(.|\n)*last words"):
        launched(1, ["-c", "import sys; print('last words'); sys.exit(3)"])


def test_gravity_prints_every_table(capsys):
    assert gravity.main(["--quick", "--particles", "2000", "--repeats", "1"]) == 0
    said = capsys.readouterr().out
    for words in (
        "Limits of this machine",
        "One force evaluation",
        "masses over a factor 1000",
        "with potentials",
    ):
        assert words in said
    for words in (
        *distributions.UNSEEN,
        "Direct sums",
        "Published rates",
        "Codes from PyPI",
        "Wanted and found",
    ):
        assert words in said


def test_force_prints_sizes(capsys):
    assert force.main(["--quick", "--particles", "1000", "--repeats", "1"]) == 0
    assert "leaf 20" in capsys.readouterr().out


def test_compare_says_what_is_not_installed(capsys, monkeypatch):
    monkeypatch.setattr(compare, "is_installed", lambda peer, python: False)
    assert compare.main(["--quick", "--particles", "1000"]) == 0
    said = capsys.readouterr().out
    assert "pytreegrav: not installed" in said
    assert "rebound: not installed" in said


def test_compiler_prints_ratios_and_says_what_is_not_installed(capsys, monkeypatch):
    monkeypatch.setattr(compiler, "is_installed", lambda peer, python: False)
    assert compiler.main(["--quick", "--systems", "300", "--repeats", "1"]) == 0
    said = capsys.readouterr().out
    for words in ("rigid_body", "time over C", "rebound: not installed", "diffrax: not installed"):
        assert words in said
    rows = [
        line.split() for line in said.splitlines() if line.strip().startswith(("kepler ", "three_bodies "))
    ]
    assert len(rows) == 2
    assert all(float(row[4]) < 1e-14 for row in rows)  # generated and hand-written agree


def test_solvers_that_peers_are_given_solve_the_same_equations():
    z = compiler.eight_rows(3).T
    from scaling.ode_peers import derivative

    system, step = compiler.three_bodies(3), 1e-6
    before = np.concatenate((system.state["q"], system.state["p"]), axis=1)
    compiler.compile_structure(system, "leapfrog", dt=step).run(1)
    after = np.concatenate((system.state["q"], system.state["p"]), axis=1)
    np.testing.assert_allclose((after - before).T / step, derivative(np, z), rtol=1e-5, atol=1e-5)


def test_ranks_prints_imports_and_speed(capsys):
    assert ranks.main(["--particles", "3000", "--ranks", "1", "2", "--repeats", "1"]) == 0
    said = capsys.readouterr().out
    rows = [line.split() for line in said.splitlines() if line.strip().startswith("2 ")]
    assert float(rows[0][1]) > 0  # two ranks import something of each other
    assert "speed-up" in said


def test_memory_prints_bytes_per_particle(capsys):
    assert memory.main(["--particles", "20000", "--ranks", "2", "--steps", "2"]) == 0
    said = capsys.readouterr().out
    rows = [line.split() for line in said.splitlines() if line.strip()[:2] in ("0 ", "1 ")]
    assert len(rows) >= 2
    assert all(float(row[4]) >= float(row[2]) > 0 for row in rows[:2])


def test_field_memory_prints_what_ranks_hold(capsys, monkeypatch):
    small = [
        (name, text, 64 if axes == 2 else 24, 16, axes, size)
        for name, text, *_, axes, size in field_memory.SYSTEMS
    ]
    monkeypatch.setattr(field_memory, "SYSTEMS", small)
    assert field_memory.main(["--ranks", "1", "2"]) == 0
    said = capsys.readouterr().out
    for word in ("flow 64^2", "wavefunction 24^3", "MB times ranks"):
        assert word in said


def test_main_job_prints_time_and_errors(capsys):
    assert main_job.main(["--quick", "--particles", "500", "--ranks", "1"]) == 0
    said = capsys.readouterr().out
    assert "largest |dE/E|" in said
    assert "start-up" in said


def test_wavefunctions_prints_ratios(capsys, monkeypatch, tmp_path):
    wavefunctions.probe("ours", "16x16", "single", "1", str(tmp_path / "found.json"))
    assert 0 < float((tmp_path / "found.json").read_text()) < 10
    seconds = {("peer", 1, 1): 4e-3, ("ours", 1, 1): 3e-3, ("peer", 2, 1): 2e-3, ("ours", 2, 1): 1.5e-3}
    monkeypatch.setattr(
        wavefunctions, "measured", lambda what, _, points, precision, t, r: seconds.get((what, t, r), 2e-3)
    )
    monkeypatch.setattr(wavefunctions, "has_peer", lambda python: True)
    wavefunctions.main(["--points", "16x16"])
    row = next(line.split() for line in capsys.readouterr().out.splitlines() if "double" in line)
    assert row == ["16x16", "double", "4", "3", "0.75", "2", "1.5", "0.75", "2", "2", "1.5"]
    monkeypatch.setattr(wavefunctions, "has_peer", lambda python: False)
    wavefunctions.main(["--quick"])
    said = capsys.readouterr().out
    assert "has no pyFFTW" in said
    assert " - " in said


def test_halo_prints_bytes_beside_the_minimum(capsys):
    assert halo.main(["--quick", "--ranks", "2"]) == 0
    row = next(line.split() for line in capsys.readouterr().out.splitlines() if " 2x1x1 " in line)
    # 500 atoms a rank: hardly 250 copies, a seventh more or less
    assert 0.85 < float(row[6]) < 1.15


def test_turbulence_prints_the_floor_and_the_model(capsys):
    assert turbulence.main(["--quick"]) == 0
    said = capsys.readouterr().out
    assert "fluidsim/ours, 32² (published ratio)" in said
    rows = [line.split() for line in said.splitlines() if line.strip().startswith("bytes/model")]
    assert [row[-1] for row in rows] == ["yes", "yes"]
    lines = [line.split() for line in said.splitlines() if line.strip().startswith("32²")]
    sent = [row for row in lines if row[1:3] == ["double", "2"]]
    assert [int(row[6]) for row in sent] == [2 * 21 * 32 * 16]


def test_liquids_prints_rates_beside_a_peer(capsys, monkeypatch):
    monkeypatch.setattr(liquids, "lammps", lambda python, cells: {"opt": [864 / 2.5e6, 0.7, -5.7, 0.6]})
    assert liquids.main(["--quick", "--ranks", "1", "--lammps", "python"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines() if line.strip().startswith("864")]
    assert [row[1] for row in rows] == ["mixed", "double"]
    for row in rows:
        rate, peer, ratio = float(row[3]), float(row[5]), float(row[6])
        assert peer == pytest.approx(2.5, rel=1e-2)
        assert ratio == pytest.approx(rate / peer, rel=2e-2)
