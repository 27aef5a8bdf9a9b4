"""Block steps: the schedule, order, momentum, reversibility, and the levels that a controller gives."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from small_systems import cluster, particles

from hpcphys.compiler.adaptive import BlockSteps, PowerOfTwoSteps, StepError, block_schedule
from hpcphys.compiler.adaptive.block_steps import block_step
from hpcphys.compiler.state import State

SOFTENING = 0.1


def acceleration(state: State, rows: Any) -> np.ndarray:
    """Accelerations of `rows` by each other: direct sum with Plummer softening."""
    position, mass = state["position"][rows], state["mass"][rows]
    separation = position[None, :, :] - position[:, None, :]
    inverse = ((separation**2).sum(axis=2) + SOFTENING**2) ** -1.5
    return np.einsum("ijk,ij,j->ik", separation, inverse, mass)


def run(state: State, levels: np.ndarray, step: float, steps: int) -> int:
    return sum(block_step(state, step, levels, acceleration) for _ in range(steps))


def test_one_level_is_the_leapfrog() -> None:
    assert [(stage.kicks, stage.drift) for stage in block_schedule(0)] == [
        (((0, 0.5),), 1.0),
        (((0, 0.5),), 0.0),
    ]


@pytest.mark.parametrize("deepest", [0, 1, 2, 5])
def test_the_schedule_is_symmetric_and_moves_everything_by_one_step(deepest: int) -> None:
    stages = block_schedule(deepest)
    assert sum(stage.drift for stage in stages) == 1.0
    assert [stage.kicks for stage in stages] == [stage.kicks for stage in reversed(stages)]
    for level in range(deepest + 1):
        total = sum(share for stage in stages for k, share in stage.kicks if k == level)
        assert total == (1.0 if level == 0 else 0.0)
    # V_0 is kicked at the ends of the step alone, each further level twice as often.
    for level in range(1, deepest + 1):
        assert sum(any(k == level for k, _ in stage.kicks) for stage in stages) == 2**level + 1


def test_every_pair_is_kicked_by_the_level_of_its_coarser_row() -> None:
    stages = block_schedule(2)
    for pair, count in ((0, 2), (1, 3), (2, 5)):
        shares = [sum(share for k, share in stage.kicks if k <= pair) for stage in stages]
        assert sum(shares) == 1.0
        assert np.count_nonzero(np.abs(shares) > 1e-15) == count


def levels_of(count: int) -> np.ndarray:
    return np.arange(count) % 4


def error(step: float) -> float:
    levels = levels_of(12)
    state, fine = cluster(12), cluster(12)
    run(state, levels, step, round(0.5 / step))
    run(fine, 0 * levels, 1 / 8192, 4096)
    return float(np.abs(state["position"] - fine["position"]).max())


def test_second_order() -> None:
    assert np.log2(error(1 / 64) / error(1 / 128)) == pytest.approx(2.0, abs=0.1)


def test_momentum_and_angular_momentum_to_round_off() -> None:
    state, levels = cluster(12), levels_of(12)
    mass = state["mass"]
    state["velocity"] += [0.3, -0.2, 0.1]
    momentum = mass @ state["velocity"]
    spin = mass @ np.cross(state["position"], state["velocity"])
    run(state, levels, 1 / 16, 64)
    assert np.abs(mass @ state["velocity"] - momentum).max() < 1e-14
    assert np.abs(mass @ np.cross(state["position"], state["velocity"]) - spin).max() < 1e-13


def test_forward_and_back_at_fixed_levels() -> None:
    state, levels = cluster(12), levels_of(12)
    start = state["position"].copy()
    run(state, levels, 1 / 16, 32)
    assert np.abs(state["position"] - start).max() > 0.1
    state["velocity"] *= -1.0
    run(state, levels, 1 / 16, 32)
    assert np.abs(state["position"] - start).max() < 1e-11


def binary_in_a_cluster() -> State:
    """A close pair of period 0.07 among slow stars."""
    positions = [[0.01, 0, 0], [-0.01, 0, 0], [3, 0, 0], [0, 4, 0], [0, 0, -5]]
    velocities = [[0, 1, 0], [0, -1, 0], [0, 0.3, 0], [-0.3, 0, 0], [0.2, 0, 0]]
    return particles(positions, velocities, [0.5, 0.5, 0.1, 0.1, 0.1])


def test_levels_save_work_where_few_rows_are_fast() -> None:
    step, deepest = 1 / 8, 6
    blocked, uniform = binary_in_a_cluster(), binary_in_a_cluster()
    levels = np.array([deepest, deepest, 0, 0, 0])
    cost = run(blocked, levels, step, 8)
    full = run(uniform, np.zeros(5, int), step / 2**deepest, 8 * 2**deepest)
    # The pair's share of the rows, and what the slow rows cost at the ends of the longest steps.
    assert cost < 0.43 * full
    assert np.abs(blocked["position"][2:] - uniform["position"][2:]).max() < 1e-4


def test_levels_of_a_controller() -> None:
    state = cluster(6)
    state["wanted"] = np.array([2.0, 1.0, 0.75, 0.5, 0.26, 0.125])
    controller: BlockSteps = PowerOfTwoSteps(lambda state: state["wanted"], 1.0, deepest=3)
    assert controller.levels(state).tolist() == [0, 0, 1, 1, 2, 3]
    assert "block steps 1/2^k, k <= 3" in controller.describe()


@pytest.mark.parametrize("wrong", [0.1, 0.0, -1.0, np.nan])
def test_a_row_that_asks_for_too_short_a_step(wrong: float) -> None:
    state = cluster(3)
    controller = PowerOfTwoSteps(lambda state: np.array([1.0, wrong, 1.0]), 1.0, deepest=3)
    with pytest.raises(StepError, match=r"row 1 asks for a step of .*max_step/2\^3"):
        controller.levels(state)


def test_bounds() -> None:
    with pytest.raises(ValueError, match="must be above 0"):
        PowerOfTwoSteps(lambda state: None, 0.0)
    with pytest.raises(ValueError, match="allowed: 0 to 60"):
        PowerOfTwoSteps(lambda state: None, 1.0, deepest=61)
    with pytest.raises(ValueError, match="0 or more"):
        block_schedule(-1)
