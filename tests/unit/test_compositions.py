"""Every table of coefficients: its sums, its symmetry, and its order, measured on known solutions."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from math import fsum
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import solve_ivp

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from small_systems import kepler_separation, kepler_state, pendula_system, program_of

from hpcphys.compiler.compositions import (
    Composition,
    aliases,
    composition,
    composition_names,
    compositions,
)
from hpcphys.compiler.program import compile_structure

ALL = sorted(compositions)
PARTITIONED = [name for name in ALL if not compositions[name].nystrom]
NYSTROM = [name for name in ALL if compositions[name].nystrom]


def error_on_kepler(table: str | Composition, steps: int) -> float:
    """Largest error of the separation at t = 5 of an orbit with e = 0.3."""
    state = kepler_state(0.3)
    program_of(state, table).run(steps, 5.0 / steps)
    separation = state["position"][0] - state["position"][1]
    return float(np.abs(separation - kepler_separation(5.0, 0.3)).max())


@cache
def pendula_solution() -> np.ndarray:
    motion = solve_ivp(
        lambda t, z: [np.sin(z[1]), -np.sin(z[0])],
        (0, 6),
        [1.2, 0.4],
        method="DOP853",
        rtol=1e-13,
        atol=1e-14,
    )
    return motion.y[:, -1]


def error_on_pendula(table: str | Composition, steps: int, declare_quadratic: bool = False) -> float:
    """Largest error at t = 6 of H = -cos p - cos q."""
    system = pendula_system()
    if declare_quadratic:
        object.__setattr__(system, "quadratic_kinetic", True)
    compile_structure(system, table).run(steps, 6.0 / steps)
    moved = np.array([system.state["position"][0, 0], system.state["velocity"][0, 0]])
    return float(np.abs(moved - pendula_solution()).max())


def measured_order(error: Callable[..., float], table: str | Composition, finest: float = 1e-11) -> float:
    """Slope of log error against log step between the two finest runs that rounding does not touch."""
    steps = 10
    errors = [error(table, steps)]
    while errors[-1] > finest and steps < 1500:
        steps *= 2
        errors.append(error(table, steps))
    errors = [e for e in errors if e > 3e-13]
    return float(np.log2(errors[-2] / errors[-1]))


def finest_error(name: str) -> float:
    """An error at which the leading term rules; rkn4 has a small one."""
    return 1e-7 if compositions[name].order <= 4 and "rkn" not in name else 1e-11


@pytest.mark.parametrize("name", ALL)
def test_order_on_a_kepler_orbit(name: str) -> None:
    order = measured_order(error_on_kepler, name, finest_error(name))
    assert order == pytest.approx(compositions[name].order, abs=0.15)


@pytest.mark.parametrize("name", PARTITIONED)
def test_order_where_the_kinetic_energy_is_not_quadratic(name: str) -> None:
    order = measured_order(error_on_pendula, name, finest_error(name))
    assert order == pytest.approx(compositions[name].order, abs=0.15)


@pytest.mark.parametrize("name", NYSTROM)
def test_nystrom_tables_lose_their_order_where_the_kinetic_energy_is_not_quadratic(name: str) -> None:
    """Why they ask for a quadratic kinetic energy: the flag is not for show."""
    order = measured_order(lambda table, steps: error_on_pendula(table, steps, declare_quadratic=True), name)
    assert order < compositions[name].order - 1.5


@pytest.mark.parametrize("name", ALL)
def test_coefficients_sum_to_one(name: str) -> None:
    for pieces in (2,) if compositions[name].a else (1, 2, 3):
        stages = compositions[name].stages(pieces)
        for index in range(pieces):
            total = fsum(stage.coefficient for stage in stages if stage.piece == index)
            assert total == pytest.approx(1.0, abs=1e-14)


@pytest.mark.parametrize("name", ALL)
def test_symmetry_is_what_the_table_says(name: str) -> None:
    stages = compositions[name].stages(2)
    mirrored = [stage.piece for stage in stages] == [stage.piece for stage in reversed(stages)]
    coefficients = np.array([stage.coefficient for stage in stages])
    palindrome = mirrored and np.allclose(coefficients, coefficients[::-1], rtol=1e-15, atol=0)
    assert palindrome == compositions[name].symmetric


@pytest.mark.parametrize("name", [name for name in ALL if compositions[name].symmetric])
def test_forward_and_back_returns_the_start(name: str) -> None:
    state = kepler_state(0.5)
    start = {key: state[key].copy() for key in ("position", "velocity")}
    program = program_of(state, name)
    program.run(40, 0.07)
    assert np.abs(state["position"] - start["position"]).max() > 0.1
    program.reverse()
    program.run(40, 0.07)
    assert np.abs(state["position"] - start["position"]).max() < 1e-12
    assert np.abs(state["velocity"] + start["velocity"]).max() < 1e-12


def test_a_table_with_a_wrong_digit_is_found() -> None:
    table = compositions["pefrl"]
    outer, inner = table.b[0] + 1e-3, table.b[1] - 1e-3
    wrong = Composition("wrong", 4, "none", a=table.a, b=(outer, inner, inner, outer), first="a")
    assert fsum(wrong.b) == pytest.approx(1.0, abs=1e-14)
    assert measured_order(error_on_kepler, wrong) < 3


def test_three_pieces_are_nested_symmetrically() -> None:
    leapfrog = [stage[:2] for stage in composition("leapfrog").stages(3)]
    assert leapfrog == [(2, 0.5), (1, 0.5), (0, 1.0), (1, 0.5), (2, 0.5)]
    assert [stage[:2] for stage in composition("lie_trotter").stages(3)] == [(2, 1.0), (1, 1.0), (0, 1.0)]
    with pytest.raises(ValueError, match="splits two pieces and the system has 3"):
        composition("pefrl").stages(3)


def test_names() -> None:
    assert composition("strang") is composition("leapfrog")
    assert composition("forest_ruth") is composition("yoshida4")
    assert set(aliases) < set(composition_names())
    with pytest.raises(ValueError, match=r"unknown composition 'leapfog'; allowed: .*leapfrog"):
        composition("leapfog")


def test_the_documentation_names_every_composition() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "compositions.md").read_text()
    for name in composition_names():
        assert f"`{name}`" in text, f"docs/compositions.md does not mention {name}"
