"""Native loops: the numbers of the program operation by operation, and who does what."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from hpcphys.compiler import OperationError, State, compile_structure
from hpcphys.compiler.fused.calls import NativeCall, Offer
from hpcphys.compiler.pieces import Piece
from hpcphys.compiler.structures import CanonicalStructure
from hpcphys.compiler.system import PhysicalSystem
from hpcphys.decomposition.communicator import Communicator
from hpcphys.kernels.errors import SignatureError
from hpcphys.physics.liquids import (
    BerendsenThermostat,
    CellRescaling,
    Langevin,
    MartynaTobiasKlein,
    NoseHooverChain,
    VelocityRescaling,
)
from hpcphys.report.timers import Timers
from hpcphys.run.liquids.lists import ListedPairs

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from native_liquids import CPU, difference, program_of_atoms, program_of_molecules, step_by_step

ALONE = Communicator.serial()
ENSEMBLES = {
    "nve": "nve",
    "langevin": Langevin(1.44, 1.0),
    "without an account": Langevin(1.44, 1.0, splitting="obabo", account=False),
    "chain": NoseHooverChain(1.44, 0.5),
    "velocity rescaling": VelocityRescaling(1.44, 0.5),
    "berendsen": BerendsenThermostat(1.44, 0.5),
    "cell rescaling": CellRescaling(1.0, 1.0, 0.05, VelocityRescaling(1.44, 0.5)),
    "mtk": MartynaTobiasKlein(1.44, 1.0, 1.0, 1.0),
}


def runs(program):
    """Steps in several calls, with energies in between, as a driver asks for them."""
    for steps, outputs in ((1, ()), (40, ()), (2, ("totals",)), (17, ())):
        program.run(steps, outputs=outputs)
    return program


@pytest.mark.parametrize("name", ENSEMBLES)
def test_the_numbers_are_those_of_single_operations(name):
    ensemble = ENSEMBLES[name]
    native = runs(program_of_atoms(ALONE, ensemble))
    plain = runs(step_by_step(program_of_atoms(ALONE, ensemble)))
    assert native.system.fields[0].builds > 2
    assert (native.loop is None) == (name == "mtk")  # whose flows are all its own
    assert difference(native, plain) == []


@pytest.mark.parametrize("what", ["dumb_bell", "water"])
@pytest.mark.parametrize("name", ["nve", "langevin"])
def test_rigid_molecules(what, name):
    ensemble = ENSEMBLES[name]
    native = runs(program_of_molecules(ALONE, ensemble, what))
    plain = runs(step_by_step(program_of_molecules(ALONE, ensemble, what)))
    assert native.system.fields[0].builds > 2
    assert difference(native, plain) == []


def test_python_does_nothing_in_a_step():
    program = program_of_atoms(ALONE, ENSEMBLES["langevin"])
    program.prepare()
    field, done = program.system.fields[0], []
    execute = program.execute
    program.execute = lambda op, *given: (done.append(op.name), execute(op, *given))[1]
    builds = field.builds
    program.run(60)
    assert done == []
    assert field.builds > builds
    assert field.evaluations == 61
    assert "native loop: all operations" in program.explain()


def test_python_makes_lists_where_rows_are_known():
    """Rigid molecules keep numbers of rows."""
    program = program_of_molecules(ALONE, "nve", "water")
    program.prepare()
    field, done = program.system.fields[0], []
    execute = program.execute
    program.execute = lambda op, *given: (done.append(op.name), execute(op, *given))[1]
    builds = field.builds
    program.run(60)
    assert done == ["pairs"] * (field.builds - builds) != []


@pytest.mark.parametrize("name", ["nve", "chain"])
def test_lists_that_are_kept(name):
    """What a checkpoint needs of a list is what single operations leave."""
    options = {"field_class": ListedPairs}
    native = runs(program_of_atoms(ALONE, ENSEMBLES[name], **options))
    plain = runs(step_by_step(program_of_atoms(ALONE, ENSEMBLES[name], **options)))
    assert native.system.fields[0].memory == plain.system.fields[0].memory
    assert difference(native, plain) == []


def test_lists_made_at_intervals():
    """A field that counts its evaluations gets them counted in the loop."""
    options = {"field_class": ListedPairs, "rebuild_every": 7}
    native = runs(program_of_atoms(ALONE, "nve", **options))
    plain = runs(step_by_step(program_of_atoms(ALONE, "nve", **options)))
    assert native.system.fields[0].builds >= 60 // 7
    assert difference(native, plain) == []


def test_whatever_moves_arrays_or_the_step_is_followed():
    programs = [program_of_atoms(ALONE, "nve"), step_by_step(program_of_atoms(ALONE, "nve"))]
    for program in programs:
        program.run(5)
        program.state["velocity"] = program.state["velocity"][:] * 1.01
        program.run(5)
        program.run(5, dt=0.003)
    assert difference(*programs) == []


def messages(make, steps, **wrong):
    """What single operations, and the native loop, say of a run that fails."""
    found = []
    for program in (make(), step_by_step(make())):
        program.run(2)
        for name, value in wrong.items():
            program.state[name][7] = value
        with pytest.raises(OperationError) as failure:
            program.run(steps)
        found.append((str(failure.value), type(failure.value.__cause__), program.state.step))
    return found


def test_failures_are_the_same():
    native, plain = messages(lambda: program_of_atoms(ALONE, "nve"), 5, velocity=[np.nan, 0, 0])
    assert native == plain
    assert "step 3" in native[0]
    native, plain = messages(
        lambda: program_of_molecules(ALONE, "nve", "dumb_bell"), 9, velocity=[900.0, 0, 0]
    )
    assert native == plain
    assert "cannot be met" in native[0]


def test_timers_tell_operations():
    program = program_of_atoms(ALONE, "nve")
    program.prepare()
    program.timers = Timers(ALONE)
    program.run(10)
    parts = program.timers.root.children
    assert set(parts) == {"kick + drift", "pairs", "kick"}
    assert parts["kick + drift"].calls == parts["pairs"].calls == 10
    assert min(node.seconds for node in parts.values()) > 0


SPRINGS = """
#include "prelude.h"
// a <- -x
KERNEL(pull)(long long n, const double* RESTRICT x, double* RESTRICT a) { ELEMENTS(i, n) a[i] = -x[i]; }
OFFERED(pull)
"""


class Springs:
    """a = -x, which lets itself be called natively three times before Python has to evaluate it once."""

    name, layout = "springs", None
    reads, writes, optional = frozenset({"x"}), frozenset({"a"}), frozenset()

    def __init__(self):
        self.module, self.evaluated = CPU.generated("springs", SPRINGS), 0

    def evaluate(self, state, outputs=frozenset()):
        if "a" not in state:
            state["a"] = np.empty((4, 3))
        self.module.launch("pull", 12, state["x"], state["a"])
        self.evaluated += 1

    def native_offer(self, state):
        return Offer((NativeCall(self.module, "pull", (12, state["x"], state["a"]), at_most=3),))


def oscillators():
    """Leapfrog of springs whose pieces and field offer native calls."""
    flows, state, field = (
        CPU.module("md_flows"),
        State({"x": np.ones((4, 3)), "v": np.zeros((4, 3))}),
        Springs(),
    )

    def piece(name, equation, target, source, role):
        def flow(state, dt):
            flows.launch("drift", 4, state[target], state[source], dt)

        def native(state, dt):
            return Offer((NativeCall(flows, "drift", (4, state[target], state[source], dt)),))

        return Piece(name, equation, {target, source}, {target}, flow, role=role, native=native)

    pieces = (piece("drift", "dx/dt = v", "x", "v", "A"), piece("kick", "dv/dt = a", "v", "a", "B"))
    system = PhysicalSystem(state, pieces, CanonicalStructure(()), fields=(field,))
    return compile_structure(system, "leapfrog", dt=0.1), field


def test_any_system_may_offer_calls():
    """A call that has come to its limit is made by Python, and anew offered after it."""
    native, field = oscillators()
    plain, other = oscillators()
    plain.loop = None
    for program in (native, plain):
        program.run(12)
    np.testing.assert_array_equal(native.state["x"], plain.state["x"])
    assert native.state.time == plain.state.time
    assert (field.evaluated, other.evaluated) == (1 + 12 // 4, 1 + 12)


def test_a_function_that_is_not_offered_is_named():
    with pytest.raises(SignatureError, match=r"OFFERED\(tensor_rows\)"):
        CPU.module("md_flows").offered("tensor_rows", 1, np.zeros((1, 3)), np.ones(1), np.zeros((1, 6)))
