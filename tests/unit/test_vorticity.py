"""Grid, damping, forcing, steps and the compiled system of two-dimensional flow, on one rank."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from hpcphys.compiler import CompileError, OperationError, State, SymmetricSteps, compile_structure
from hpcphys.decomposition.communicator import Communicator
from hpcphys.kernels import backend
from hpcphys.physics.vorticity.damping import Damping
from hpcphys.physics.vorticity.engine import VorticityEngine, hermitian
from hpcphys.physics.vorticity.forcing import INJECTED, INJECTED_ENSTROPHY, BandForcing
from hpcphys.physics.vorticity.grid import VorticityGrid
from hpcphys.physics.vorticity.steps import CourantSteps
from hpcphys.physics.vorticity.system import fluid

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "backend"))
import vorticity_reference as reference

SERIAL = Communicator.serial()


@pytest.fixture(scope="module")
def machine():
    return backend("cpu", threads=1)


def test_modes_and_their_owners():
    grid = VorticityGrid(32, length=np.pi)
    assert grid.cutoff == 10
    assert grid.shape == (11, 21)
    assert grid.ky.tolist() == [*range(11), *range(-10, 0)]
    assert grid.unit == 2.0
    assert grid.k2[3, -4] == 4.0 * (9 + 16)
    assert grid.inverse_k2[0, 0] == 0.0
    assert grid.weight[:, 0].tolist() == [1.0] + [2.0] * 10
    assert (grid.filter == 1.0).all()
    smooth = VorticityGrid(32, dealias="hou_li")
    assert smooth.cutoff == 15
    assert smooth.filter[15, 0] == pytest.approx(np.exp(-36))
    assert smooth.filter[3, 15] == pytest.approx(np.exp(-36))
    owners = [VorticityGrid(32, rank=rank, size=16) for rank in range(16)]
    assert [first for grid in owners for first in range(*grid.columns)] == list(range(11))
    assert any(grid.shape[0] == 0 for grid in owners)
    assert [line for grid in owners for line in range(*grid.rows)] == list(range(32))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 3}, "at least 4"),
        ({"n": 16, "length": 0.0}, "above 0"),
        ({"n": 16, "dealias": "none"}, "two_thirds, hou_li"),
        ({"n": 16, "precision": "half"}, "double, single"),
        ({"n": 16, "rank": 16, "size": 17}, "up to 16 ranks"),
        ({"n": 16, "rank": 2, "size": 2}, "0 to 1"),
    ],
)
def test_grids_that_make_no_sense(arguments, message):
    with pytest.raises(ValueError, match=message):
        VorticityGrid(**arguments)


def test_damping_rates():
    grid = VorticityGrid(16, length=np.pi)
    rates = Damping(viscosity=2.0, viscosity_order=3, drag=5.0, drag_order=2).rates(grid)
    assert rates[1, 2] == pytest.approx(2.0 * 20.0**3 + 5.0 / 20.0**2)
    assert rates[0, 0] == 0.0
    linear = Damping(drag=0.25)
    assert linear.rates(grid)[1, 1] == 0.25
    assert linear.factors(grid, 2.0)[1, 1] == pytest.approx(np.exp(-0.5))
    assert Damping().absent
    with pytest.raises(ValueError, match="viscosity = -1"):
        Damping(viscosity=-1.0)
    with pytest.raises(ValueError, match=r"viscosity_order = 0\.5"):
        Damping(viscosity=1.0, viscosity_order=0.5)


# ---- forcing ------------------------------------------------------------------------------------


def test_forcing_injects_what_it_says(machine):
    """The mean of many kicks on a flow at rest is ε dt exactly; the account includes the cross term."""
    grid = VorticityGrid(48, length=3.0)
    forcing = BandForcing(grid, 8 * grid.unit, 1.2 * grid.unit, energy_rate=0.3, seed=5)
    state = State({"vorticity": np.zeros(grid.shape, dtype=complex)})
    assert forcing.apply(state, 0.01, machine, SERIAL) == pytest.approx(0.003, rel=1e-12)
    assert reference.energy(grid, state["vorticity"]) == pytest.approx(0.003, rel=1e-12)
    for step in range(1, 40):
        state.step, state.blocks_drawn = step, 0
        before = reference.energy(grid, state["vorticity"])
        gained = forcing.apply(state, 0.01, machine, SERIAL)
        assert reference.energy(grid, state["vorticity"]) - before == pytest.approx(gained, abs=1e-14)
    assert state.scalars[INJECTED] == pytest.approx(reference.energy(grid, state["vorticity"]))
    enstrophy = reference.enstrophy(grid, state["vorticity"])
    assert state.scalars[INJECTED_ENSTROPHY] == pytest.approx(enstrophy)
    assert enstrophy / (8 * grid.unit) ** 2 != pytest.approx(state.scalars[INJECTED], rel=1e-4)  # k, not k_f
    radius = np.sqrt(grid.k2) / grid.unit
    assert (state["vorticity"][abs(radius - 8) > 1.2 + 1e-9] == 0).all()
    assert (state["vorticity"][abs(radius - 8) < 1.2 - 1e-9] != 0).all()
    assert (hermitian(state["vorticity"], grid) == state["vorticity"]).all()


def test_forcing_counts_the_modes_of_the_whole_plane():
    grid = VorticityGrid(48)
    numbers = np.arange(-grid.cutoff, grid.cutoff + 1)
    radius = np.hypot(numbers[:, None], numbers)
    expected = int((abs(radius - 7) <= 1.5).sum())
    assert BandForcing(grid, 7, 1.5, 1.0).modes == expected


def test_phases_are_uniform_and_independent():
    grid = VorticityGrid(96)
    forcing = BandForcing(grid, 20, 2, 1.0, seed=1)
    kicks = np.array([forcing.kick(step, 0.01) for step in range(400)])
    phases = kicks / abs(kicks)
    assert abs(phases.mean(axis=0)).max() < 4.5 / np.sqrt(400)
    assert abs((phases[1:] * phases[:-1].conj()).mean()) < 4 / np.sqrt(phases.size)
    assert abs((phases[:, 1:] * phases[:, :-1].conj()).mean()) < 4 / np.sqrt(phases.size)
    assert abs((phases**2).mean()) < 4 / np.sqrt(phases.size)
    assert (forcing.kick(3, 0.01) != forcing.kick(3, 0.01, application=1)).all()
    assert (forcing.kick(3, 0.01) == kicks[3]).all()
    assert (BandForcing(grid, 20, 2, 1.0, seed=2).kick(3, 0.01) != kicks[3]).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((10, 1, 1.0), "leaves the resolved modes"),
        ((3.5, 0.05, 1.0), "no mode"),
        ((3, 1, -1.0), "energy_rate = -1"),
        ((3, 1, 1.0, -1), "seed = -1"),
    ],
)
def test_forcing_that_makes_no_sense(arguments, message):
    with pytest.raises(ValueError, match=message):
        BandForcing(VorticityGrid(32), *arguments)


# ---- steps and programs -------------------------------------------------------------------------


class Speed:
    """An engine that moves as fast as it is told."""

    courant_limit = 2.0

    def __init__(self, speed):
        self.speed = speed

    def largest_speed(self, state, begin=False):
        assert begin
        return self.speed

    def longest_step(self, speed):
        return self.courant_limit / (10.0 * speed) if speed else np.inf


def test_steps_follow_the_speed_and_rest_between():
    engine = Speed(1.0)
    steps = CourantSteps(engine, 0.5, max_step=0.2)
    state = State({"vorticity": np.zeros((1, 1))})
    steps.start(state)
    assert steps.choose(state) == pytest.approx(0.95 * 0.05)
    for engine.speed in (1.03, 0.9, 0.85):  # allowed, and not far below what is
        assert steps.choose(state) == pytest.approx(0.95 * 0.05)
    assert state.scalars["controller.changes"] == 1
    engine.speed = 1.1
    assert steps.choose(state) == pytest.approx(0.95 * 0.05 / 1.1)
    engine.speed = 0.01
    assert steps.choose(state) == 0.2
    assert steps.choose(state) == 0.2
    assert state.scalars["controller.changes"] == 3
    engine.speed = 0.0
    assert steps.choose(state) == 0.2
    with pytest.raises(ValueError, match="set a largest step"):
        CourantSteps(engine, 0.5).choose(state)
    engine.speed = 1e6
    with pytest.raises(ValueError, match="below the smallest allowed"):
        CourantSteps(engine, 0.5, min_step=1e-3).choose(state)
    engine.speed = np.inf
    with pytest.raises(ValueError, match="NaN or infinity"):
        steps.choose(state)
    with pytest.raises(ValueError, match=r"courant = 2\.5"):
        CourantSteps(engine, 2.5)


def run_of(machine, state=None, seed=3):
    grid = VorticityGrid(40)
    damping = Damping(viscosity=1e-6, viscosity_order=4, drag=0.1)
    engine = VorticityEngine(grid, machine, SERIAL, damping)
    if state is None:
        state = State({"vorticity": reference.random_vorticity(grid)})
    forcing = BandForcing(grid, 8, 1, 2.0, seed)
    program = compile_structure(
        fluid(state, engine, forcing), "lie_trotter", CourantSteps(engine, 0.7, max_step=0.1)
    )
    return program


def test_a_restart_goes_on_bit_for_bit(machine):
    whole = run_of(machine)
    whole.run(30)
    first = run_of(machine)
    first.run(13)
    saved = first.state
    restored = State({"vorticity": saved["vorticity"].copy()}, saved.time, saved.step, dict(saved.scalars))
    second = run_of(machine, restored)
    second.run(17)
    assert second.state.time == whole.state.time
    assert second.state.scalars == whole.state.scalars
    assert (second.state["vorticity"] == whole.state["vorticity"]).all()
    assert whole.state.scalars["controller.changes"] > 1


def test_explain_names_equations_and_what_is_exact(machine):
    text = run_of(machine).explain()
    for words in ("∂ω/∂t = -u·∇ω - 1e-06 (-Δ)^4 ω - 0.1 ω", "damping exact", "white noise on the", "40 x 40"):
        assert words in text
    assert text.index("advect       +1.0") < text.index("force        +1.0")


def test_controllers_that_claim_symmetry_still_need_it(machine):
    system = run_of(machine).system
    with pytest.raises(CompileError, match="time-symmetric"):
        compile_structure(system, "lie_trotter", SymmetricSteps(None))


def test_a_step_too_long_ends_the_program_with_its_number(machine):
    grid = VorticityGrid(24)
    engine = VorticityEngine(grid, machine, SERIAL)
    state = State({"vorticity": reference.random_vorticity(grid)})
    program = compile_structure(fluid(state, engine), "lie_trotter", dt=1.0)
    with pytest.raises(OperationError, match=r"'advect' failed in step 1 .*dt = 1 is too long"):
        program.step()


def test_states_that_are_no_vorticity_are_refused(machine):
    grid = VorticityGrid(24)
    engine = VorticityEngine(grid, machine, SERIAL)
    with pytest.raises(ValueError, match="needs the array vorticity"):
        fluid(State({"omega": np.zeros(grid.shape)}), engine)
    with pytest.raises(ValueError, match=r"this rank's is \(8, 15\)"):
        fluid(State({"vorticity": np.zeros((8, 14), dtype=complex)}), engine)
    mean = np.zeros(grid.shape, dtype=complex)
    mean[0, 0] = 1.0
    with pytest.raises(ValueError, match="without mean"):
        fluid(State({"vorticity": mean}), engine)
    skew = np.zeros(grid.shape, dtype=complex)
    skew[0, 1] = 1.0
    with pytest.raises(ValueError, match="real field"):
        fluid(State({"vorticity": skew}), engine)
    fluid(State({"vorticity": hermitian(skew, grid)}), engine)


def test_bracket_with_the_energy_is_the_transport(machine):
    grid = VorticityGrid(30, length=4.0)
    engine = VorticityEngine(grid, machine, SERIAL)
    vorticity = reference.random_vorticity(grid)
    structure = fluid(State({"vorticity": vorticity}), engine).structure
    motion = structure.bracket({"vorticity": vorticity}, {"vorticity": grid.inverse_k2 * vorticity})
    expected = engine.tendency(vorticity)
    assert abs(motion["vorticity"] - expected).max() < 2e-14 * abs(expected).max()
    # {C, ω} = 0 for the enstrophy, whose gradient is ω itself
    still = structure.bracket({"vorticity": vorticity}, {"vorticity": vorticity})["vorticity"]
    assert abs(still).max() < 1e-13 * abs(expected).max()


def test_reversed_flow_runs_back(machine):
    grid = VorticityGrid(48)
    engine = VorticityEngine(grid, machine, SERIAL)
    start = reference.random_vorticity(grid)
    state = State({"vorticity": start.copy()})
    program = compile_structure(fluid(state, engine), "lie_trotter", dt=0.01)
    program.run(20)
    there = abs(state["vorticity"] - start).max()
    program.reverse()
    program.run(20)
    assert abs(-state["vorticity"] - start).max() < 1e-4 * there
