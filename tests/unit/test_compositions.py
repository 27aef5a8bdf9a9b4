"""Every table of coefficients: its sums, its symmetry, and its order, measured on known solutions."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from math import fsum
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from small_systems import kepler_state, pendula_system, program_of, three_piece_system

from hpcphys.compiler.compositions import (
    Composition,
    aliases,
    composition,
    composition_names,
    compositions,
    general_compositions,
)
from hpcphys.compiler.operations import Flow
from hpcphys.compiler.passes import CompileError, merge
from hpcphys.compiler.program import compile_structure
from hpcphys.compiler.system import PhysicalSystem
from scaling.orbits import henon_heiles, kepler, kepler_position
from scaling.refine_compositions import in_long_doubles

ALL = sorted(compositions)
SPLITTINGS = [name for name in ALL if not compositions[name].sequence]
PARTITIONED = [name for name in SPLITTINGS if not compositions[name].nystrom]
NYSTROM = [name for name in ALL if compositions[name].nystrom]
GRADIENT = [name for name in ALL if compositions[name].gradient]
# Non-symmetric methods of odd order begin with a tiny error on an orbit that starts at an apsis.
# The tenth order rules on the pendula only where long doubles round: test_order_conditions has it for any H.
SHOWN_BY_KEPLER = [name for name in SPLITTINGS if name not in ("ruth3", "mclachlan_atela5")]

# Times whose quotient by a number of steps loses nothing to a long double.
KEPLER_TIME, TIME, LONG_TIME = 5.0, 6.0, 48.0


def moved(system: PhysicalSystem, table: str | Composition, time: float, steps: int) -> Any:
    """Position and velocity of a system after a time, in long doubles."""
    compile_structure(system, table).run(steps, np.longdouble(time) / steps)
    return np.stack([system.state["position"], system.state["velocity"]])


def error_on_kepler(table: str | Composition, steps: int) -> float:
    """Largest error of the position at t = 5 of an ellipse with e = 0.3."""
    position = moved(kepler(0.3), table, KEPLER_TIME, steps)[0]
    return float(np.abs(position - kepler_position(KEPLER_TIME, 0.3)).max())


def pendula(quadratic: bool = False) -> PhysicalSystem:
    """H = -cos p - cos q in long doubles; `quadratic` declares what is not so."""
    system = pendula_system(dtype=np.longdouble)
    object.__setattr__(system, "quadratic_kinetic", quadratic)
    return system


@cache
def solution(system: Callable[[], PhysicalSystem], time: float = TIME) -> Any:
    """The state at a time, to about 1e-17: a tenth-order method in short steps."""
    return moved(system(), continued("sofroniou_spaletta10"), time, int(20 * time))


def error_on(system: Callable[[], PhysicalSystem]) -> Callable[[str | Composition, int], float]:
    def error(table: str | Composition, steps: int) -> float:
        order = (compositions[table] if isinstance(table, str) else table).order
        # The tenth order rules only at steps where a short run has no error left.
        time = LONG_TIME if order >= 10 and system is henon_heiles else TIME
        return float(np.abs(moved(system(), table, time, steps) - solution(system, time)).max())

    return error


def measured_order(
    error: Callable[[str | Composition, int], float], table: str | Composition, floor: float = 1e-14
) -> float:
    """The order from runs with ever shorter steps: where it has settled, or just above the rounding error.

    The error of a symmetric method is C h^p (1 + c h² + ...): p and c come from the last four errors.
    """
    if isinstance(table, str) and compositions[table].weights and compositions[table].order >= 8:
        # Rounded to doubles the coefficients leave an error of 1e-15, which would hide the order.
        table, floor = continued(table), 1e-15
    found: list[tuple[float, float]] = []
    orders = [0.0, 1.0]
    steps = 8
    while steps < 4000:
        with np.errstate(all="ignore"):
            size = error(table, steps)
        if size < floor:
            break
        if size < 3e-2:
            found.append((np.log(1.0 / steps), np.log(size)))
        if len(found) >= 4:
            x, y = np.array(found[-4:]).T
            orders.append(float(np.linalg.lstsq(np.stack([x, x**0, np.exp(2 * (x - x[0]))], 1), y)[0][0]))
            if abs(orders[-1] - orders[-2]) < 0.01:
                break
        steps += steps // 3
    return orders[-1]


@cache
def continued(name: str) -> Composition:
    return in_long_doubles(compositions[name])


def test_the_solutions_that_orders_are_measured_against() -> None:
    motion = solve_ivp(
        lambda t, z: [np.sin(z[1]), -np.sin(z[0])],
        (0, 6),
        [1.2, 0.4],
        method="DOP853",
        rtol=1e-13,
        atol=1e-14,
    )
    assert np.allclose(solution(pendula).ravel().astype(float), motion.y[:, -1], rtol=0, atol=1e-11)
    motion = solve_ivp(
        lambda t, z: [1.5 * z[1], -np.sin(z[0]) - 0.5 * z[0]],
        (0, 6),
        [1.2, 0.4],
        method="DOP853",
        rtol=1e-13,
        atol=1e-14,
    )
    assert np.allclose(
        solution(three_piece_system).ravel().astype(float), motion.y[:, -1], rtol=0, atol=1e-11
    )
    motion = solve_ivp(
        lambda t, z: [z[2], z[3], -z[0] - 2 * z[0] * z[1], -z[1] - z[0] ** 2 + z[1] ** 2],
        (0, 6),
        np.concatenate(
            [henon_heiles().state[name].ravel().astype(float) for name in ("position", "velocity")]
        ),
        method="DOP853",
        rtol=1e-13,
        atol=1e-14,
    )
    assert np.allclose(solution(henon_heiles).ravel().astype(float), motion.y[:, -1], rtol=0, atol=1e-11)


@pytest.mark.parametrize("name", SHOWN_BY_KEPLER)
def test_order_on_a_kepler_orbit(name: str) -> None:
    assert measured_order(error_on_kepler, name) == pytest.approx(compositions[name].order, abs=0.1)


@pytest.mark.parametrize("name", SPLITTINGS)
def test_order_in_the_potential_of_henon_and_heiles(name: str) -> None:
    order = measured_order(error_on(henon_heiles), name)
    assert order == pytest.approx(compositions[name].order, abs=0.1)


@pytest.mark.parametrize("name", [name for name in PARTITIONED if compositions[name].order < 10])
def test_order_where_the_kinetic_energy_is_not_quadratic(name: str) -> None:
    assert measured_order(error_on(pendula), name) == pytest.approx(compositions[name].order, abs=0.1)


@pytest.mark.parametrize("name", [n for n in sorted(general_compositions()) if compositions[n].order < 10])
def test_order_with_three_pieces(name: str) -> None:
    order = measured_order(error_on(three_piece_system), name)
    assert order == pytest.approx(compositions[name].order, abs=0.1)


@pytest.mark.parametrize("name", sorted(set(NYSTROM) - set(GRADIENT)))
def test_nystrom_tables_lose_their_order_where_the_kinetic_energy_is_not_quadratic(name: str) -> None:
    """Why they ask for a quadratic kinetic energy: the flag is not for show."""

    def error(table: str | Composition, steps: int) -> float:
        return float(np.abs(moved(pendula(quadratic=True), table, TIME, steps) - solution(pendula)).max())

    assert measured_order(error, name) < compositions[name].order - 0.5


@pytest.mark.parametrize("name", NYSTROM)
def test_nystrom_tables_are_refused_where_the_kinetic_energy_is_not_quadratic(name: str) -> None:
    with pytest.raises(CompileError, match="needs a kinetic energy quadratic in the momenta"):
        compile_structure(pendula(), name)


@pytest.mark.parametrize("name", SPLITTINGS)
def test_coefficients_sum_to_one(name: str) -> None:
    for pieces in (2,) if compositions[name].a else (1, 2, 3):
        stages = compositions[name].stages(pieces)
        for index in range(pieces):
            total = fsum(stage.coefficient for stage in stages if stage.piece == index)
            assert total == pytest.approx(1.0, abs=1e-15)


@pytest.mark.parametrize("name", ALL)
def test_symmetry_is_what_the_table_says(name: str) -> None:
    table = compositions[name]
    stages = table.stages(table.roles or 2)
    mirrored = [stage.piece for stage in stages] == [stage.piece for stage in reversed(stages)]
    coefficients = np.array([stage[1:] for stage in stages])
    palindrome = mirrored and np.allclose(coefficients, coefficients[::-1], rtol=1e-15, atol=0)
    assert palindrome == table.symmetric


@pytest.mark.parametrize("name", [name for name in SPLITTINGS if compositions[name].symmetric])
def test_forward_and_back_returns_the_start(name: str) -> None:
    system = kepler(0.5, float)
    start = {key: system.state[key].copy() for key in ("position", "velocity")}
    program = compile_structure(system, name)
    program.run(40, 0.07)
    assert np.abs(system.state["position"] - start["position"]).max() > 0.1
    program.reverse()
    program.run(40, 0.07)
    assert np.abs(system.state["position"] - start["position"]).max() < 1e-12
    assert np.abs(system.state["velocity"] + start["velocity"]).max() < 1e-12


def test_a_table_with_a_wrong_digit_is_found() -> None:
    table = compositions["pefrl"]
    outer, inner = table.b[0] + 1e-3, table.b[1] - 1e-3
    wrong = Composition("wrong", 4, "none", a=table.a, b=(outer, inner, inner, outer), first="a")
    assert fsum(wrong.b) == pytest.approx(1.0, abs=1e-14)
    assert measured_order(error_on_kepler, wrong) < 3


@pytest.mark.parametrize("factor", [0.0, 0.9, -1.0])
def test_a_wrong_force_gradient_is_found(factor: float) -> None:
    table = compositions["chin4a"]
    wrong = Composition(
        "wrong",
        4,
        "none",
        a=table.a,
        b=table.b,
        first="b",
        nystrom=True,
        gradient=tuple(factor * g for g in table.gradient),
    )
    assert measured_order(error_on(henon_heiles), wrong) < 3


@pytest.mark.parametrize("name", GRADIENT)
def test_a_piece_without_a_force_gradient_is_refused(name: str) -> None:
    with pytest.raises(CompileError, match=rf"{name} needs the force gradient of piece 'kick'"):
        program_of(kepler_state(0.3), name)


def test_neighbouring_kicks_merge_with_their_gradients() -> None:
    drift, kick = kepler().pieces
    merged = merge((Flow(kick, 0.5, 0.25), Flow(kick, 0.25, 0.5), Flow(drift, 1.0), Flow(kick, 0.0, 0.125)))
    assert merged == (Flow(kick, 0.75, 0.75), Flow(drift, 1.0), Flow(kick, 0.0, 0.125))
    assert merge((Flow(kick, 0.5, 0.25), Flow(kick, -0.5, -0.25))) == ()


def test_the_gradient_is_told_in_explain() -> None:
    text = compile_structure(kepler(), "chin4a").explain()
    assert "+0.666666666667 dt +0.013888888889 dt³ grad |F|²" in text


def test_three_pieces_are_nested_symmetrically() -> None:
    leapfrog = [stage[:2] for stage in composition("leapfrog").stages(3)]
    assert leapfrog == [(2, 0.5), (1, 0.5), (0, 1.0), (1, 0.5), (2, 0.5)]
    assert [stage[:2] for stage in composition("lie_trotter").stages(3)] == [(2, 1.0), (1, 1.0), (0, 1.0)]
    with pytest.raises(ValueError, match="splits two pieces and the system has 3"):
        composition("pefrl").stages(3)


def test_pieces_that_share_a_role_move_one_after_the_other() -> None:
    stages = composition("mclachlan2").stages(["B", "A", "B"])
    assert [stage.piece for stage in stages] == [0, 2, 1, 0, 2, 1, 0, 2]
    with pytest.raises(ValueError, match="splits two pieces and the system has 3"):
        composition("mclachlan2").stages(["B", "A", "O"])


def test_roles_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match=r"'baoab' needs a piece of role 'O'; its roles are 'B', 'A', 'O'"):
        composition("baoab").stages(["A", "B"])
    with pytest.raises(ValueError, match="'baoab' has no part for the role 'slow'"):
        composition("baoab").stages(["A", "B", "O", "slow"])
    with pytest.raises(CompileError, match="compose: composition 'baoab' needs a piece of role 'O'"):
        compile_structure(kepler(), "baoab")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({}, "has no coefficients"),
        ({"weights": (1.0,), "a": (1.0,), "b": (1.0,)}, "has weights and a"),
        ({"a": (0.5, 0.5), "b": (0.5, 0.25, 0.25)}, "cannot alternate 2 coefficients a and 3 b, a first"),
        ({"a": (1.0,), "b": (1.0,), "first": "c"}, "begins with 'c'"),
        ({"a": (1.0,), "b": (1.0,), "gradient": (0.1, 0.1)}, "has 2 gradient coefficients for 1 b"),
    ],
)
def test_tables_that_cannot_be(table: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Composition("mine", 2, "none", **table)


def test_names() -> None:
    assert composition("strang") is composition("leapfrog")
    assert composition("forest_ruth") is composition("yoshida4")
    assert set(aliases) < set(composition_names())
    for_galaxies = composition_names(("A", "B"), gradient=False)
    assert {"leapfrog", "blanes_moan_rkn6", "strang"} < set(for_galaxies)
    assert not {"baoab", "chin4a", "respa"} & set(for_galaxies)
    with pytest.raises(ValueError, match=r"unknown composition 'leapfog'; allowed: .*leapfrog"):
        composition("leapfog")


def test_the_documentation_names_every_composition() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "compositions.md").read_text()
    for name in composition_names():
        assert f"`{name}`" in text, f"docs/compositions.md does not mention {name}"
