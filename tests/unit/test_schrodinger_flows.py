"""Flows of wavefunctions: the order of every composition, exact solutions, time reversal, dimensions."""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from small_waves import PSI, engine, exactly_moved, gaussian, moved, program

from hpcphys.compiler.compositions import aliases, composition, composition_names
from hpcphys.compiler.passes import CompileError
from hpcphys.compiler.structures import verify_structure
from hpcphys.compiler.structures.wavefunction import WavefunctionStructure
from hpcphys.physics.schrodinger import observables

NAMES = [name for name in composition_names() if name not in aliases and not composition(name).sequence]


@pytest.fixture(scope="module")
def pendulum():
    """Everything is periodic and entire: the commutators of the grid are those of functions."""
    made = engine(48, -np.pi, np.pi, potential="6*(1 - cos(x)) + 2*sin(2*x)")
    psi = np.exp(3 * np.cos(made.grid.axes[0] - 0.4) + 1j * made.grid.axes[0])
    psi /= np.linalg.norm(psi)
    return made, psi, exactly_moved(made, psi, 1.0)


def orders(errors):
    """Observed orders between halved steps, where neither rounding nor the first steps decide."""
    return [np.log2(a / b) for a, b in pairwise(errors) if b > 2e-13 and a < 1e-2]


@pytest.mark.parametrize("name", NAMES)
def test_every_composition_has_its_order(pendulum, name) -> None:
    made, psi, exact = pendulum
    table = composition(name)
    first = {1: 64, 2: 32}.get(table.order, 4)
    errors = [np.linalg.norm(moved(made, psi, name, 1.0, first) - exact)]
    while errors[-1] > 2e-11 and len(errors) < 6:
        errors.append(np.linalg.norm(moved(made, psi, name, 1.0, first * 2 ** len(errors)) - exact))
    found = orders(errors)
    assert found, errors
    assert found[-1] > table.order - 0.4, (name, errors)
    if table.order <= 4:  # higher ones are not yet in their last regime where rounding begins
        assert found[-1] < table.order + 0.6, (name, errors)


def test_names_of_all_compositions_are_there() -> None:
    assert len(NAMES) > 25
    assert {"leapfrog", "chin4a", "kahan_li8", "blanes_moan_rkn6", "omelyan8_gradient"} <= set(NAMES)


def test_a_coherent_state_returns_after_its_period() -> None:
    made = engine(128, -10, 10, potential="x^2/2")
    psi = gaussian(made.grid, 2.0, 0.5)
    after = moved(made, psi, "blanes_moan_rkn6", 2 * np.pi, 160)
    assert abs(after + psi).max() < 1e-11  # the phase exp(-iπ) of the ground state's energy


def test_a_free_packet_spreads_as_it_must() -> None:
    made = engine((256,), (-30,), (30,), mass=2.0)
    x, t, p, w, m = made.grid.axes[0], 3.0, 1.5, 1.2, 2.0
    psi = gaussian(made.grid, -1.0, p, w)
    spread = 1 + 1j * t / (m * w * w)
    phase = 1j * p * (x + 1.0) - 1j * p * p * t / (2 * m) - 1j * p
    exact = np.exp(-((x + 1.0 - p * t / m) ** 2) / (2 * w * w * spread) + phase)
    exact /= (np.pi * w * w) ** 0.25 * np.sqrt(spread)
    assert abs(moved(made, psi, "leapfrog", t, 7) - exact).max() < 1e-13


@pytest.mark.parametrize("name", ["leapfrog", "leapfrog_dkd", "chin4a", "kahan_li8"])
def test_time_reverses_and_the_norm_stays(name) -> None:
    made = engine((24, 20), (-5, -4), (5, 4), potential="x^2/2 + y^4/4 + x*y/5")
    psi = gaussian(made.grid, (0.5, -0.3), (0.2, 0.6))
    run = program(made, psi, name, 0.02)
    run.run(50)
    assert abs(observables.norm(run.state, made) - observables.norm(program(made, psi).state, made)) < 1e-13
    run.reverse()
    run.run(50)
    run.reverse()
    assert abs(run.state[PSI] - psi).max() < 1e-13


def test_one_two_and_three_dimensions_agree_on_products() -> None:
    terms, points = ("x^2/2 + x^4/20", "y^2", "z^2/3 + z/5"), (18, 15, 16)
    pieces = []
    for axis in range(3):
        own = engine(points[axis], -5, 5, potential=terms[axis].replace("xyz"[axis], "x"))
        pieces.append(moved(own, gaussian(own.grid, 0.3 * axis, 0.5), "yoshida4", 0.5, 25))
    for dimension in (2, 3):
        made = engine(points[:dimension], -5, 5, potential=" + ".join(terms[:dimension]))
        psi = gaussian(made.grid, [0.3 * axis for axis in range(dimension)], 0.5)
        found = moved(made, psi, "yoshida4", 0.5, 25)
        expected = pieces[0]
        for piece in pieces[1:dimension]:
            expected = np.multiply.outer(expected, piece)
        assert abs(found - expected).max() < 2e-14 * abs(expected).max() * 25


def test_merged_steps_are_those_of_single_ones() -> None:
    """A run is lazy across its steps; looked at after each step it differs in rounding alone."""
    made = engine((16, 12), -5, 5, potential="x^2/2 + y^2/2")
    psi = gaussian(made.grid, 0.4, 0.1)
    for name in ("leapfrog", "leapfrog_dkd", "chin4a"):
        lazy, eager = program(made, psi, name, 0.1), program(made, psi, name, 0.1)
        lazy.run(6)
        for _ in range(6):
            eager.step()
        difference = abs(lazy.state[PSI] - eager.state[PSI]).max()
        assert difference < 1e-14


def test_transforms_are_as_few_as_the_composition_allows() -> None:
    made = engine(32, -5, 5, potential="x^2/2")
    calls = []
    advance = made.sweeps.advance
    made.sweeps.advance = lambda *arguments: (calls.append(1), advance(*arguments))
    for name, pairs in (("leapfrog", 10), ("leapfrog_dkd", 11), ("chin4a", 20), ("blanes_moan_rkn4", 60)):
        calls.clear()
        program(made, gaussian(made.grid, 0, 0), name, 0.01).run(10)
        assert len(calls) == pairs, name


def test_single_precision_follows_double() -> None:
    pairs = []
    for precision in ("double", "single"):
        made = engine((20, 18), -5, 5, potential="50*x^2 + y^2/2", precision=precision)
        psi = gaussian(made.grid, (0.1, 0.5), 0.0, (0.5, 1.0))
        found = moved(made, psi, "leapfrog", 1.0, 200)
        assert found.dtype == made.grid.complex_type
        pairs.append(found)
    assert 0 < abs(pairs[0] - pairs[1]).max() < 2e-5


def test_a_force_gradient_needs_an_expression_and_warns_of_corners() -> None:
    made = engine(32, -5, 5, potential=np.linspace(0, 1, 32))
    with pytest.raises(Exception, match="given by an array and has no symbolic gradient"):
        moved(made, gaussian(made.grid, 0, 0), "chin4a", 0.1, 1)
    assert "lose their order" in engine(32, -5, 5, potential="min(x^2, 4)").gradient_warning
    assert engine(32, -5, 5, potential="x^2").gradient_warning == ""


def test_clipping_costs_chin4a_its_order() -> None:
    made = engine(128, -8, 8, potential="2*abs(x)")
    psi = gaussian(made.grid, 1.5, 0.3)
    exact = exactly_moved(made, psi, 1.0)
    errors = [np.linalg.norm(moved(made, psi, "chin4a", 1.0, n) - exact) for n in (256, 512)]
    assert np.log2(errors[0] / errors[1]) < 2.5


def test_the_structure_is_a_poisson_structure() -> None:
    structure = WavefunctionStructure()
    rng = np.random.default_rng(3)
    psi = rng.normal(size=(4, 3)) + 1j * rng.normal(size=(4, 3))
    found = verify_structure(structure, {PSI: psi})
    assert found["antisymmetry"] < 1e-14
    slope = {PSI: psi * 2}  # of the norm squared: it turns the phase, and conserves what phases do not change
    assert abs(np.vdot(psi, structure.bracket({PSI: psi}, slope)[PSI]).real) < 1e-14


def test_a_nystrom_composition_is_refused_where_a_magnetic_field_is() -> None:
    made = engine((8, 8), -2, 2, potential="0", vector_potential={"y": "x"})
    with pytest.raises(CompileError, match="Nyström"):
        program(made, gaussian(made.grid, 0, 0), "chin4a")
