"""The compiled program: which operations it has, what it evaluates when, restarts, errors, structures."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from small_systems import (
    NumpyBackend,
    NumpyGravity,
    NumpyLayout,
    cluster,
    energy,
    kepler_state,
    particles,
    pendula_system,
    program_of,
)

from hpcphys.compiler import passes
from hpcphys.compiler.compositions import Composition, compositions
from hpcphys.compiler.operations import Evaluate, Exchange, Flow
from hpcphys.compiler.pieces import Piece, flow_linear
from hpcphys.compiler.program import OperationError, compile_structure
from hpcphys.compiler.state import State
from hpcphys.compiler.structures import CanonicalStructure
from hpcphys.compiler.system import PhysicalSystem
from hpcphys.physics.gravity import gravity


def names(program) -> list[str]:
    kinds = {Evaluate: "evaluate", Exchange: "exchange"}
    return [kinds.get(type(op), op.name) for op in program.operations]


# -- operations ---------------------------------------------------------------------------------------------


def test_leapfrog_has_one_evaluation_reused_across_the_step() -> None:
    program = program_of(cluster(5), field=NumpyGravity(layout=NumpyLayout()))
    assert names(program) == ["kick", "drift", "exchange", "evaluate", "kick"]
    assert program.entry == {"gravity"}
    assert [op.coefficient for op in program.operations if isinstance(op, Flow)] == [0.5, 1.0, 0.5]


def test_drift_kick_drift_needs_nothing_from_the_step_before() -> None:
    program = program_of(cluster(5), "leapfrog_dkd", field=NumpyGravity(layout=NumpyLayout()))
    assert names(program) == ["drift", "exchange", "evaluate", "kick", "drift"]
    assert program.entry == frozenset()


def test_no_exchange_without_a_layout() -> None:
    assert names(program_of(cluster(5))) == ["kick", "drift", "evaluate", "kick"]


@pytest.mark.parametrize(
    ("name", "evaluations"),
    [
        ("lie_trotter", 1),
        ("leapfrog", 1),
        ("yoshida4", 3),
        ("suzuki4", 5),
        ("pefrl", 4),
        ("mclachlan4", 4),
        ("blanes_moan4", 6),
        ("blanes_moan_rkn4", 6),
        ("blanes_moan6", 10),
        ("blanes_moan_rkn6", 11),
        ("blanes_moan_rkn6_14a", 14),
        ("yoshida6", 7),
        ("yoshida8", 15),
        ("kahan_li8", 17),
    ],
)
def test_evaluations_per_step(name: str, evaluations: int) -> None:
    """The published number of stages: merged flows, one evaluation for each different position."""
    field = NumpyGravity()
    program = program_of(cluster(5), name, field=field)
    assert program.evaluations_per_step == evaluations
    program.run(3, 1e-3)
    assert len(field.asked) == 3 * evaluations + len(program.entry)


def test_potentials_come_with_the_last_evaluation_of_kick_drift_kick() -> None:
    field = NumpyGravity()
    program = program_of(cluster(5), field=field)
    program.prepare({"potential"})
    program.step(0.01)
    assert not program.state.is_valid("potential")
    program.step(0.01, {"potential"})
    assert program.state.is_valid("potential")
    assert field.asked == [{"potential"}, set(), {"potential"}]


def test_potentials_cost_one_more_evaluation_where_the_step_ends_with_a_drift() -> None:
    field = NumpyGravity()
    program = program_of(cluster(5), "leapfrog_dkd", field=field)
    program.step(0.01, {"potential"})
    assert field.asked == [set(), {"potential"}]
    expected = State({name: program.state[name].copy() for name in ("position", "mass")})
    NumpyGravity().evaluate(expected, frozenset({"potential"}))
    assert np.array_equal(program.state["potential"], expected["potential"])


@pytest.mark.parametrize("name", ["leapfrog", "leapfrog_dkd", "yoshida4", "pefrl"])
def test_asked_potentials_belong_to_the_final_state(name: str) -> None:
    program = program_of(cluster(8), name, field=NumpyGravity(0.1, NumpyLayout()))
    program.run(3, 0.05, {"potential"})
    state = program.state
    expected = State({key: state[key].copy() for key in ("position", "mass")})
    NumpyGravity(0.1).evaluate(expected, frozenset({"potential"}))
    assert np.abs(state["potential"] / expected["potential"] - 1).max() < 1e-13


def test_asking_for_potentials_does_not_change_the_trajectory() -> None:
    asked, plain = program_of(cluster(8)), program_of(cluster(8))
    for step in range(6):
        asked.step(0.02, {"potential"} if step % 2 else ())
        plain.step(0.02)
    assert np.array_equal(asked.state["position"], plain.state["position"])


def test_an_exchange_that_moves_rows_keeps_the_motion() -> None:
    moved = program_of(cluster(7), "yoshida4", field=NumpyGravity(0.1, NumpyLayout()))
    fixed = program_of(cluster(7), "yoshida4", field=NumpyGravity(0.1))
    for program in (moved, fixed):
        program.run(5, 0.05)
    order = np.argsort(moved.state["id"])
    assert moved.system.fields[0].layout.exchanges == 1 + 5 * 3
    assert np.abs(moved.state["position"][order] - fixed.state["position"]).max() < 1e-13
    assert not np.array_equal(moved.state["id"], fixed.state["id"])


def test_a_criterion_like_reader_of_the_position_alone_needs_no_evaluation() -> None:
    program = compile_structure(pendula_system(), "leapfrog")
    assert names(program) == ["kick", "drift", "kick"]


def test_two_fields_with_one_layout_share_its_exchange() -> None:
    state, layout = cluster(5), NumpyLayout()
    near, far = NumpyGravity(layout=layout), NumpyGravity(layout=layout)
    far.name, far.writes, far.optional = "far", frozenset({"far_acceleration"}), frozenset()
    system = gravity(state, near, NumpyBackend())
    kick_far = Piece(
        "kick_far",
        "dv/dt = a",
        frozenset({"far_acceleration"}),
        frozenset({"velocity"}),
        lambda state, dt: None,
    )
    system = replace(system, pieces=(*system.pieces, kick_far), fields=(near, far))
    program = compile_structure(system, "leapfrog")
    assert names(program) == [
        "kick_far",
        "kick",
        "drift",
        "exchange",
        "evaluate",
        "kick",
        "evaluate",
        "kick_far",
    ]
    assert program.entry == {"gravity", "far"}


# -- checks of the passes -----------------------------------------------------------------------------------


def test_checks_find_what_a_broken_pass_would_leave() -> None:
    system = gravity(cluster(4), NumpyGravity(layout=NumpyLayout()), NumpyBackend())
    drift, kick = system.pieces
    field = system.fields[0]
    half = Flow(kick, 0.5)
    with pytest.raises(passes.CompileError, match="coefficients of piece 'drift' sum to 0"):
        passes.check_compose((half, half), system)
    with pytest.raises(passes.CompileError, match="merge: two neighbouring flows of piece 'kick'"):
        passes.check_merge((half, half, Flow(drift, 1.0)), system)
    with pytest.raises(passes.CompileError, match="'kick' reads 'acceleration', which field 'gravity'"):
        passes.check_evaluations((Flow(drift, 1.0), half), system)
    with pytest.raises(
        passes.CompileError, match="reuse: a step begins with gravity valid and does not end so"
    ):
        passes.check_reuse((half, Flow(drift, 1.0)), system, frozenset({"gravity"}))
    with pytest.raises(passes.CompileError, match="evaluated twice at one state"):
        passes.check_reuse((Evaluate(field), Evaluate(field)), system, frozenset())
    with pytest.raises(passes.CompileError, match="rows that other ranks have changed"):
        passes.check_exchanges((Exchange(field.layout), Flow(drift, 1.0), Evaluate(field)))


def test_a_table_that_does_not_sum_to_one_is_refused() -> None:
    wrong = Composition("wrong", 2, "none", a=(0.5, 0.5), b=(0.999,), first="a")
    with pytest.raises(passes.CompileError, match=r"compose: coefficients of piece 'kick' sum to 0\.999"):
        program_of(cluster(4), wrong)


def test_nystrom_tables_are_refused_where_they_do_not_hold() -> None:
    with pytest.raises(passes.CompileError, match="kinetic energy quadratic"):
        compile_structure(pendula_system(), "blanes_moan_rkn6")


def test_neighbouring_flows_merge_and_zero_flows_vanish() -> None:
    drift, kick = gravity(cluster(4), NumpyGravity(), NumpyBackend()).pieces
    merged = passes.merge(
        (Flow(kick, 0.25), Flow(drift, 0.0), Flow(kick, 0.25), Flow(drift, 1.0), Flow(kick, 0.5))
    )
    assert merged == (Flow(kick, 0.5), Flow(drift, 1.0), Flow(kick, 0.5))


# -- runs ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["leapfrog", "leapfrog_dkd", "blanes_moan_rkn4"])
def test_a_restart_is_bit_for_bit_the_uninterrupted_run(name: str) -> None:
    whole = program_of(cluster(9), name, field=NumpyGravity(0.05))
    whole.run(10, 0.013)
    first = program_of(cluster(9), name, field=NumpyGravity(0.05))
    first.run(4, 0.013)
    saved = first.state
    restored = State(
        {key: saved[key].copy() for key in saved.names()}, saved.time, saved.step, dict(saved.scalars)
    )
    field = NumpyGravity(0.05)
    second = program_of(restored, name, field=field)
    second.prepare()
    assert field.asked == []
    second.run(6, 0.013)
    assert second.state.time == whole.state.time
    assert second.state.step == whole.state.step == 10
    for key in ("position", "velocity", "acceleration"):
        assert np.array_equal(second.state[key], whole.state[key])


def test_a_thousand_steps_of_a_hundredth_make_ten() -> None:
    program = compile_structure(pendula_system(), "leapfrog", dt=0.01)
    program.run(1000)
    assert program.state.time == 10.0
    assert program.state.step == 1000


def test_leapfrog_keeps_energy_and_momentum() -> None:
    program = program_of(cluster(20), field=NumpyGravity(0.1))
    state = program.state
    before = energy(state, 0.1)
    program.run(200, 0.02)
    assert abs(energy(state, 0.1) / before - 1) < 1e-3
    assert np.abs(state["mass"] @ state["velocity"]).max() < 1e-14


def test_single_precision_accelerations_kick_too() -> None:
    state = cluster(3)
    state["acceleration"] = np.ones((3, 3), dtype=np.float32)
    before = state["velocity"].copy()
    flow_linear(NumpyBackend(), "velocity", "acceleration")(state, 0.5)
    assert np.array_equal(state["velocity"], before + 0.5)
    state["acceleration"] = np.ones((3, 3), dtype=np.int32)
    with pytest.raises(TypeError, match="acceleration is int32; allowed: float64, float32"):
        flow_linear(NumpyBackend(), "velocity", "acceleration")(state, 0.5)


def test_a_rank_without_particles_steps_along() -> None:
    program = program_of(particles(np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0)))
    program.run(2, 0.1, {"potential"})
    assert program.state.count == 0


def test_timers_see_every_operation() -> None:
    class Timers:
        def __init__(self) -> None:
            self.seen: list[str] = []

        @contextmanager
        def measure(self, name: str):
            self.seen.append(name)
            yield

    timers = Timers()
    program_of(cluster(4), field=NumpyGravity(layout=NumpyLayout()), timers=timers).step(0.1)
    assert timers.seen == ["exchange", "gravity", "kick", "drift", "exchange", "gravity", "kick"]


# -- errors -------------------------------------------------------------------------------------------------


def test_a_failing_operation_is_named() -> None:
    class Failing(NumpyGravity):
        def evaluate(self, state, outputs=frozenset()):
            if state.step == 2:
                raise FloatingPointError("particle 7 is nowhere")
            super().evaluate(state, outputs)

    program = program_of(cluster(4), field=Failing())
    with pytest.raises(OperationError, match=r"step 3 at time 0\.2: particle 7") as caught:
        program.run(5, 0.1)
    assert isinstance(caught.value.__cause__, FloatingPointError)
    assert not program.state.is_valid("acceleration")


def test_bad_arguments_are_named() -> None:
    program = program_of(cluster(4))
    with pytest.raises(ValueError, match="a finite number is needed"):
        program.step()
    with pytest.raises(ValueError, match="a finite number is needed"):
        program.step(float("nan"))
    with pytest.raises(
        ValueError, match="no field computes entropy; allowed outputs: acceleration, potential, work"
    ):
        program.step(0.1, {"entropy"})
    with pytest.raises(ValueError, match="missing: velocity, mass, id"):
        gravity(State({"position": np.zeros((2, 3))}), NumpyGravity(), NumpyBackend())
    with pytest.raises(ValueError, match="piece 'kick' reads acceleration, which the state does not hold"):
        replace(gravity(cluster(4), NumpyGravity(), NumpyBackend()), fields=())


def test_the_state_checks_its_rows() -> None:
    with pytest.raises(ValueError, match="position has 2, mass has 3"):
        State({"position": np.zeros((2, 3)), "mass": np.zeros(3)})
    state = cluster(4)
    with pytest.raises(KeyError, match="no array 'spin'; it has position, velocity, mass, id"):
        state["spin"]
    state["mass"] = np.zeros(2)
    with pytest.raises(ValueError, match="mass has 2"):
        state.check_rows()


def test_an_exchange_that_forgets_an_array_is_found() -> None:
    class Forgetful(NumpyLayout):
        def exchange(self, state):
            state["position"] = state["position"][1:]

    with pytest.raises(OperationError, match=r"exchange 'exchange' failed in step 1 .*differ in rows"):
        program_of(cluster(4), field=NumpyGravity(layout=Forgetful())).step(0.1)


# -- explain ------------------------------------------------------------------------------------------------


def test_explain_tells_the_equations_the_splitting_and_the_program() -> None:
    text = program_of(kepler_state(0.1), "blanes_moan4", field=NumpyGravity(layout=NumpyLayout())).explain()
    assert "H = sum p²/2m - G sum_{i<j}" in text
    assert "dq/dt = dH/dp,  dp/dt = -dH/dq" in text
    assert "blanes_moan4: order 4, symmetric, symplectic" in text
    assert compositions["blanes_moan4"].source in text
    assert "6 field evaluations" in text
    assert "drift        +0.079203696431 dt    dq/dt = v" in text
    assert "rolls the rows by one" in text
    assert "direct sum in NumPy" in text
    assert "reused from the step before: gravity" in program_of(kepler_state(0.1)).explain()


# -- flows that engines merge across steps ------------------------------------------------------------------


def test_lazy_flows_are_complete_whenever_anyone_looks() -> None:
    """x <- x + dt, applied when it is asked for alone."""
    due = []

    def synchronise(state: State) -> None:
        state["x"] += sum(due)
        due.clear()

    piece = Piece("shift", "dx/dt = 1", frozenset({"x"}), frozenset({"x"}), lambda state, dt: due.append(dt))
    state = State({"x": np.zeros(2)})
    system = PhysicalSystem(state, (piece,), CanonicalStructure(), synchronise=synchronise)
    program = compile_structure(system, "leapfrog", dt=0.5)
    program.step()
    assert state["x"][0] == 0.5
    program.run(4)
    assert state["x"][0] == 2.5
    assert due == []


def test_a_controller_finds_lazy_flows_complete() -> None:
    looked = []

    class Controller:
        reads = frozenset({"x"})
        outputs_at_start = frozenset()

        def started(self, state: State) -> bool:
            return True

        def choose(self, state: State) -> float:
            looked.append("choose")
            return 0.25

    piece = Piece("shift", "dx/dt = 1", frozenset({"x"}), frozenset({"x"}), lambda state, dt: None)
    system = PhysicalSystem(
        State({"x": np.zeros(1)}),
        (piece,),
        CanonicalStructure(),
        synchronise=lambda state: looked.append("done"),
    )
    compile_structure(system, "leapfrog", Controller()).run(2)
    assert looked == ["done", "choose", "done", "choose", "done"]
