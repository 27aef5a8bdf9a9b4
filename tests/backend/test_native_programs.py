"""Generated kernels do what the operations do one by one in NumPy, however calls cut the steps."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from hpcphys.compiler import State, compile_structure
from hpcphys.compiler.native import fuse, kernel, launch, writer
from hpcphys.kernels import backend

sys.path.insert(0, str(Path(__file__).resolve().parent))
from native_systems import BRANCHES, SYSTEMS, bodies, chain, langevin

STEPS, DT = 20, 0.01


def arrays(state):
    return {name: state[name].copy() for name in state.names()}


def assert_near(found, wanted, tolerance=2e-13):
    for name in wanted.names():
        scale = np.abs(wanted[name]).max()
        assert np.isfinite(scale), name
        np.testing.assert_allclose(found[name], wanted[name], rtol=tolerance, atol=tolerance * scale)


@pytest.mark.parametrize("branch", BRANCHES)
@pytest.mark.parametrize("name", SYSTEMS)
def test_native_is_the_operations_one_by_one(name, branch):
    rows = 37  # no multiple of any number of lanes
    reference, system = SYSTEMS[name](rows), SYSTEMS[name](rows)
    slow = compile_structure(reference, "leapfrog", dt=DT, backend="numpy", seed=11)
    fast = compile_structure(system, "leapfrog", dt=DT, backend=BRANCHES[branch](), seed=11)
    assert slow.native is None
    assert fast.native is not None
    start = arrays(system.state)
    slow.run(STEPS)
    fast.run(STEPS)
    assert_near(system.state, reference.state)
    assert system.state.time == pytest.approx(reference.state.time, rel=1e-14)
    assert system.state.step == reference.state.step == STEPS
    moved = max(np.abs(system.state[name] - before).max() for name, before in start.items())
    assert moved > 1e-3


@pytest.mark.parametrize("registers", [1, 2, 3, 4])
def test_any_number_of_registers(registers, monkeypatch):
    monkeypatch.setattr(launch, "registers_for", lambda kernel: registers)
    results = []
    for rows in (1, 3, 8, 9, 31, 32, 33, 70):
        system = bodies(3, 70)
        system.state.replace({name: system.state[name][:rows].copy() for name in system.state.names()})
        compile_structure(system, dt=DT, backend=backend("cpu"), total=70).run(STEPS)
        results.append(system.state["q"])
    for found in results:
        assert np.array_equal(found, results[-1][: len(found)])


@pytest.mark.parametrize("branch", BRANCHES)
@pytest.mark.parametrize("name", SYSTEMS)
def test_bits_do_not_depend_on_how_calls_divide_the_steps(name, branch):
    whole, cut = SYSTEMS[name](13), SYSTEMS[name](13)
    compile_structure(whole, "leapfrog", dt=DT, backend=BRANCHES[branch](), seed=3).run(STEPS)
    program = compile_structure(cut, "leapfrog", dt=DT, backend=BRANCHES[branch](), seed=3)
    program.run(1)
    program.step()
    program.run(7)
    program.run(STEPS - 9)
    for variable in whole.state.names():
        assert np.array_equal(whole.state[variable], cut.state[variable]), variable
    assert whole.state.time == cut.state.time


@pytest.mark.parametrize("name", SYSTEMS)
def test_bits_survive_a_checkpoint(name):
    whole, first = SYSTEMS[name](13), SYSTEMS[name](13)
    compile_structure(whole, dt=DT, seed=3).run(STEPS)
    compile_structure(first, dt=DT, seed=3).run(8)
    saved = State(arrays(first.state), first.state.time, first.state.step, dict(first.state.scalars))
    second = SYSTEMS[name](13)
    for variable in second.state.names():
        del second.state[variable]
    second.state.replace(arrays(saved))
    second.state.time, second.state.step, second.state.scalars = saved.time, saved.step, saved.scalars
    compile_structure(second, dt=DT).run(STEPS - 8)
    for variable in whole.state.names():
        assert np.array_equal(whole.state[variable], second.state[variable]), variable
    assert whole.state.time == second.state.time


def test_noise_belongs_to_global_rows_and_seeds():
    whole = langevin(40)
    compile_structure(whole, dt=DT, seed=5).run(STEPS)
    part = langevin(15, first=25)
    compile_structure(part, dt=DT, seed=5, total=40).run(STEPS)
    assert np.array_equal(whole.state["v"][25:], part.state["v"])
    other = langevin(40)
    compile_structure(other, dt=DT, seed=6).run(STEPS)
    assert np.abs(whole.state["v"] - other.state["v"]).min() > 0
    with pytest.raises(ValueError, match="must be at least 0"):
        compile_structure(langevin(1), seed=-1)


def test_threads_do_not_change_bits():
    one, two = langevin(3000), langevin(3000)
    compile_structure(one, dt=DT, backend=backend("cpu", threads=1)).run(3)
    compile_structure(two, dt=DT, backend=backend("cpu", threads=2)).run(3)
    assert np.array_equal(one.state["v"], two.state["v"])


@pytest.mark.parametrize("branch", ["widest", "scalar", "emulated"])
@pytest.mark.parametrize("name", SYSTEMS)
def test_flows_as_functions_are_the_same_flows(name, branch, monkeypatch):
    inline, outlined = SYSTEMS[name](13), SYSTEMS[name](13)
    monkeypatch.setattr(kernel, "INLINE_STATEMENTS", 10**6)
    compile_structure(inline, "yoshida4", dt=DT, backend=BRANCHES[branch]()).run(STEPS)
    monkeypatch.setattr(kernel, "INLINE_STATEMENTS", 0)
    monkeypatch.setattr(writer, "CHUNK", 5)
    program = compile_structure(outlined, "yoshida4", dt=DT, backend=BRANCHES[branch]())
    assert program.native.kernel.outlined
    assert "OUTLINE" in program.native.text
    program.run(STEPS)
    assert_near(outlined.state, inline.state, 1e-13)


@pytest.mark.parametrize("branch", ["widest", "scalar", "emulated"])
@pytest.mark.parametrize("name", SYSTEMS)
def test_stages_in_a_loop_are_the_stages_one_by_one(name, branch, monkeypatch):
    reference, system = SYSTEMS[name](13), SYSTEMS[name](13)
    compile_structure(reference, "kahan_li6", dt=DT, backend="numpy", seed=4).run(3)
    plain = compile_structure(SYSTEMS[name](13), "kahan_li6", dt=DT, backend="numpy")
    monkeypatch.setattr(kernel, "INLINE_STATEMENTS", 10**6)
    everything = fuse.native_text(plain.operations, plain.system).statements
    monkeypatch.setattr(kernel, "INLINE_STATEMENTS", everything // 2)
    program = compile_structure(system, "kahan_li6", dt=DT, backend=BRANCHES[branch](), seed=4)
    assert "for (int stage = 0" in program.native.text
    assert not program.native.kernel.outlined
    program.run(3)
    assert_near(system.state, reference.state)


def test_a_large_chain_is_outlined():
    reference, system = chain(48, 9), chain(48, 9)
    compile_structure(reference, "yoshida6", dt=DT, backend="numpy").run(3)
    program = compile_structure(system, "yoshida6", dt=DT)
    assert program.native.kernel.outlined
    program.run(3)
    assert_near(system.state, reference.state)


def test_a_program_that_is_too_large_is_refused(monkeypatch):
    monkeypatch.setattr(kernel, "MOST_STATEMENTS", 100)
    with pytest.raises(kernel.ProgramTooLarge, match=r"more than 100 operations.*Use fewer coordinates"):
        compile_structure(chain(128, 1))


def test_arrays_that_do_not_fit_are_refused():
    system = bodies(3, 5)
    program = compile_structure(system, dt=DT)
    system.state["q"] = system.state["q"].astype(np.float32)
    with pytest.raises(ValueError, match=r"array q is float32 \(5, 6\); needed: float64 \(5, 6\)"):
        program.run(1)
