"""Two-dimensional flow on several ranks: the same bits as on one, and no byte more than the model."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from hpcphys.compiler import State, compile_structure
from hpcphys.decomposition.communicator import Communicator
from hpcphys.kernels import backend
from hpcphys.physics.vorticity.damping import Damping
from hpcphys.physics.vorticity.engine import VorticityEngine
from hpcphys.physics.vorticity.forcing import INJECTED, INJECTED_ENSTROPHY, BandForcing
from hpcphys.physics.vorticity.grid import VorticityGrid
from hpcphys.physics.vorticity.steps import CourantSteps
from hpcphys.physics.vorticity.system import fluid

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "backend"))
import vorticity_reference as reference

pytestmark = pytest.mark.mpi
MACHINE = backend("cpu", threads=1)


@pytest.fixture(scope="module")
def ranks():
    return Communicator.start(abort_hook=False)


def grid_of(communicator, n, **options):
    return VorticityGrid(n, rank=communicator.rank, size=communicator.size, **options)


def forced_run(communicator, n, steps, **options):
    """A damped, forced flow with steps of the Courant number; its grid, engine and program."""
    grid = grid_of(communicator, n, **options)
    engine = VorticityEngine(grid, MACHINE, communicator, Damping(1e-6, 4, drag=0.1))
    whole = reference.random_vorticity(VorticityGrid(n, **options))
    state = State({"vorticity": whole[slice(*grid.columns)].copy()})
    forcing = BandForcing(grid, 4, 1, 2.0, seed=7)
    program = compile_structure(
        fluid(state, engine, forcing), "lie_trotter", CourantSteps(engine, 0.7, max_step=0.1)
    )
    program.run(steps)
    return grid, engine, program


# With 16 points and 8 ranks two ranks own no column; 15 and 50 points divide unevenly.
@pytest.mark.parametrize(
    ("n", "options"),
    [(16, {}), (15, {"dealias": "hou_li"}), (50, {}), (32, {"precision": "single"})],
    ids=str,
)
def test_forced_flow_does_not_depend_on_the_ranks(ranks, n, options):
    grid, engine, program = forced_run(ranks, n, 8, **options)
    alone_grid, alone_engine, alone = forced_run(Communicator.serial(), n, 8, **options)
    state, expected = program.state, alone.state
    assert state.time == expected.time
    assert (state["vorticity"] == expected["vorticity"][slice(*grid.columns)]).all()
    assert state.scalars["controller.step"] == expected.scalars["controller.step"]
    for name in (INJECTED, INJECTED_ENSTROPHY):
        assert state.scalars[name] == pytest.approx(expected.scalars[name], rel=1e-12)
        assert len(set(ranks.allgather(state.scalars[name]))) == 1
    field = alone_engine.physical(expected["vorticity"])
    mine = engine.physical(state["vorticity"])
    assert (mine == field[slice(*grid.rows)]).all()
    assert (engine.spectral(mine) == alone_engine.spectral(field)[slice(*grid.columns)]).all()
    assert alone_grid.size == 1


def test_arrays_on_ranks_follow_the_fused_passes(ranks):
    grid = grid_of(ranks, 18)
    whole = reference.random_vorticity(VorticityGrid(18))
    own = whole[slice(*grid.columns)]
    found = []
    for implementation in ("fused", "arrays"):
        engine = VorticityEngine(grid, MACHINE, ranks, Damping(1e-3), implementation=implementation)
        state = State({"vorticity": own.copy()})
        for _ in range(3):
            engine.advance(state, 0.02)
        field = engine.physical(state["vorticity"])
        back = engine.spectral(field)
        assert abs(back - state["vorticity"]).max(initial=0) < 1e-14
        found.append((state["vorticity"], field))
    for one, other in zip(*found, strict=True):
        assert abs(one - other).max(initial=0) < 1e-13


@pytest.mark.parametrize("precision", ["double", "single"])
@pytest.mark.parametrize("implementation", ["fused", "arrays"])
def test_bytes_of_a_right_hand_side_are_those_of_the_model(ranks, implementation, precision):
    grid = grid_of(ranks, 48, precision=precision)
    engine = VorticityEngine(grid, MACHINE, ranks, implementation=implementation)
    vorticity = np.zeros(grid.shape, dtype=grid.complex_type)
    ranks.reset_counters()
    engine.tendency(vorticity)
    sent, messages = ranks.bytes_sent, ranks.messages_sent
    counters = engine.counters
    # beside the windows there is the maximum of the speed, one number
    speed = (8, (ranks.size - 1).bit_length()) if ranks.size > 1 else (0, 0)
    assert sent - speed[0] == counters["bytes"]
    assert messages - speed[1] == counters["messages"]
    total = ranks.allreduce(counters["bytes"] + counters["kept_bytes"])
    itemsize = 16 if precision == "double" else 8
    assert total == 2 * (2 * 15 + 1) * 48 * itemsize
    assert engine.model_bytes * ranks.size == total
    if ranks.size > 1:
        assert counters["messages"] <= 2 * (ranks.size - 1)
