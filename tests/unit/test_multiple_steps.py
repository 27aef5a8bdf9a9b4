"""r-RESPA: order, symmetry, stability, any depth."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

from hpcphys.compiler.compositions import Composition, composition, nested, respa
from hpcphys.compiler.operations import Flow
from hpcphys.compiler.pieces import Piece
from hpcphys.compiler.program import compile_structure
from hpcphys.compiler.state import State
from hpcphys.compiler.structures import CanonicalStructure
from hpcphys.compiler.system import PhysicalSystem

FAST, SLOW = 10.0, 1.0


def springs(*kicks: tuple[str, float, float], dtype: Any = float) -> PhysicalSystem:
    """p²/2 and springs (role, frequency, quartic): V = w² q²/2 + c q⁴/4."""

    def kick(frequency: float, quartic: float) -> Callable[[State, float], None]:
        def flow(state: State, dt: float) -> None:
            q = state["position"]
            state["velocity"] -= dt * (frequency**2 * q + quartic * q**3)

        return flow

    def drift(state: State, dt: float) -> None:
        state["position"] += dt * state["velocity"]

    both = frozenset({"position", "velocity"})
    pieces = [Piece("drift", "dq/dt = p", both, frozenset({"position"}), drift, role="A")]
    for role, frequency, quartic in kicks:
        flow = kick(frequency, quartic)
        pieces.append(Piece(role, f"dp/dt by {role}", both, frozenset({"velocity"}), flow, role=role))
    state = State(
        {name: np.array([[value]], dtype=dtype) for name, value in (("position", 1), ("velocity", 0))}
    )
    state["mass"] = np.ones(1)
    return PhysicalSystem(state, tuple(pieces), CanonicalStructure(), quadratic_kinetic=True)


def two_springs() -> PhysicalSystem:
    return springs(("fast", FAST, 0.0), ("slow", SLOW, 1.0), dtype=np.longdouble)


def moved(table: Composition, steps: int) -> Any:
    system = two_springs()
    compile_structure(system, table).run(steps, np.longdouble(2) / steps)
    return np.concatenate([system.state["position"], system.state["velocity"]])


@cache
def reference() -> Any:
    """To about 1e-16: both levels of high order."""
    return moved(nested(composition("sofroniou_spaletta10"), "slow", 1, outer=composition("kahan_li8")), 100)


@pytest.mark.parametrize(
    ("table", "order"),
    [
        (respa((5,)), 2),
        (nested(composition("leapfrog"), "slow", 3, outer=composition("yoshida4")), 4),
        (nested(composition("leapfrog"), "slow", 3, outer=composition("blanes_moan_rkn4")), 2),
        (nested(composition("yoshida4"), "slow", 3, outer=composition("blanes_moan_rkn4")), 4),
        (nested(composition("blanes_moan6"), "slow", 2, outer=composition("blanes_moan6")), 6),
    ],
)
def test_order(table: Composition, order: int) -> None:
    assert table.order == order
    steps = {2: (320, 480), 4: (160, 240), 6: (60, 90)}[order]
    coarse, fine = (float(np.abs(moved(table, n) - reference()).max()) for n in steps)
    assert np.log(coarse / fine) / np.log(1.5) == pytest.approx(order, abs=0.1)


def test_the_slow_force_is_evaluated_once_and_the_fast_one_often() -> None:
    program = compile_structure(two_springs(), respa((5,)))
    names = [op.name for op in program.operations if isinstance(op, Flow)]
    assert (names.count("slow"), names.count("fast"), names.count("drift")) == (2, 6, 5)
    assert names == names[::-1]


def test_any_depth_of_levels() -> None:
    table = respa((2, 3), ("A", "bond", "near", "far"))
    system = springs(("bond", 10.0, 0.0), ("near", 3.0, 0.0), ("far", 1.0, 0.5))
    program = compile_structure(system, table)
    names = [op.name for op in program.operations if isinstance(op, Flow)]
    assert (names.count("far"), names.count("near"), names.count("drift")) == (2, 4, 6)
    start = system.state["position"].copy()
    program.run(50, 0.1)
    program.reverse()
    program.run(50, 0.1)
    assert np.abs(system.state["position"] - start).max() < 1e-12


def largest(table: Composition, step: float) -> float:
    """Largest distance in a long run; the exact one is 1."""
    system = springs(("fast", FAST, 0.0), ("slow", SLOW, 0.0))
    program = compile_structure(system, table)
    found = 0.0
    for _ in range(2000):
        program.step(step)
        found = max(found, float(np.abs(system.state["position"]).max()))
        if found > 1e6:
            break
    return found


def test_stable_far_beyond_the_leapfrog_and_unstable_at_resonance() -> None:
    """The leapfrog fails above h = 2/w_fast; the impulse method where h is half a fast period."""
    table, step = respa((20,)), 2.4 / FAST
    assert largest(respa((1,)), step) > 1e6
    assert largest(table, step) < 1.1
    half_period = np.pi / np.sqrt(FAST**2 + SLOW**2)
    assert max(largest(table, half_period * x) for x in (0.998, 1.0, 1.002)) > 1e6


def test_the_gradient_scales_with_the_inner_step() -> None:
    table = nested(composition("chin4a"), "slow", 2)
    kick = next(stage for stage in table.sequence if len(stage) == 3 and stage[2])
    assert kick == ("fast", pytest.approx(1 / 3), pytest.approx(1 / 72 / 8))
    assert table.nystrom


def test_langevin_inside() -> None:
    table = nested(composition("baoab"), "slow", 2)
    assert table.roles == ("slow", "B", "A", "O")
    assert table.symmetric


def test_levels_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="0 inner steps; at least 1"):
        nested(composition("leapfrog"), "slow", 0)
    with pytest.raises(ValueError, match="the slow role 'fast' is among those"):
        nested(composition("leapfrog"), "fast", 2)
    with pytest.raises(ValueError, match="one is needed for each kick but the slowest"):
        respa((2, 2))
