"""Flows that iterate and flows that fail: each system by itself, whatever shares its register."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import sympy

from hpcphys.compiler import CanonicalStructure, OperationError, PhysicalSystem, State, compile_structure
from hpcphys.compiler.expressions import Coordinates
from hpcphys.compiler.flows import Update
from hpcphys.compiler.flows.pieces import Values, expression_piece
from hpcphys.compiler.native.graph import PrintError

sys.path.insert(0, str(Path(__file__).resolve().parent))
from native_systems import BRANCHES

LIMIT = 40
GUESS, ERROR = sympy.symbols("guess error", real=True)


@dataclass(frozen=True)
class Root:
    """x <- sqrt(x + 2) by Newton's method, which fails below -2; a flow for tests of loops and failures."""

    x: sympy.Symbol
    normals = ()

    @property
    def reads(self):
        return frozenset({self.x})

    writes = reads

    def emit(self, writer):
        (start,) = writer.evaluate([1 + self.x**2])
        guess = writer.variable(start)
        with writer.iterate(LIMIT) as loop:
            target = self.x + 2
            new, error = writer.evaluate(
                [(GUESS + target / GUESS) / 2, sympy.Abs(GUESS**2 - target)], {GUESS: guess}
            )
            writer.set([guess], [new])
            loop.stop(writer.condition(ERROR <= 1e-12 * (1 + GUESS**2), {ERROR: error, GUESS: guess}))
        writer.fail(loop.running, f"no root after {LIMIT} iterations")
        writer.assign([self.x], [guess])

    def apply(self, columns, dt):
        value = columns[self.x]
        guess, running = 1 + value**2, np.ones(len(value), bool)
        for _ in range(LIMIT):
            error = np.abs(guess**2 - (value + 2))
            new = 0.5 * (guess + (value + 2) / guess)
            guess = np.where(running, new, guess)
            running &= ~(error <= 1e-12 * (1 + guess**2))
        if running.any():
            raise ValueError(f"no root after {LIMIT} iterations")
        return {self.x: guess}


@dataclass(frozen=True)
class Halve:
    """x <- x/2 until x <= 1: a system that has stopped must not be halved with those that go on."""

    x: sympy.Symbol
    normals = ()

    @property
    def reads(self):
        return frozenset({self.x})

    writes = reads

    def emit(self, writer):
        with writer.iterate(LIMIT) as loop:
            loop.stop(writer.condition(self.x <= 1))
            writer.assign([self.x], writer.evaluate([self.x / 2]))

    def apply(self, columns, dt):
        value = columns[self.x]
        return {self.x: np.where(value > 1, value / 2.0 ** np.ceil(np.log2(value)), value)}


def roots(x):
    c = Coordinates.declare(["x", "y"])
    symbol, other = c.symbols
    values = Values(c, {})
    shift = Update.of({other: other + 1, symbol: symbol - other / 10})
    pieces = (
        expression_piece(
            "shift",
            "y <- y + 1, x <- x - y/10",
            shift,
            values,
        ),
        expression_piece("root", "x <- sqrt(x + 2)", Root(symbol), values),
    )
    state = State({"x": np.array(x, float), "y": np.zeros(len(x))})
    return PhysicalSystem(state, pieces, CanonicalStructure(()), coordinates=c)


@pytest.mark.parametrize("branch", BRANCHES)
def test_iterations_stop_system_by_system(branch):
    x = np.linspace(-1.9, 50, 37)
    reference, system = roots(x), roots(x)
    compile_structure(reference, "lie_trotter", dt=1.0, backend="numpy").run(5)
    compile_structure(system, "lie_trotter", dt=1.0, backend=BRANCHES[branch]()).run(5)
    np.testing.assert_allclose(system.state["x"], reference.state["x"], rtol=1e-13)


@pytest.mark.parametrize("branch", BRANCHES)
def test_a_system_that_has_stopped_does_not_change(branch):
    c = Coordinates.declare(["x"])
    piece = expression_piece("halve", "x <- x/2 while x > 1", Halve(c.symbols[0]), Values(c, {}))
    x = np.array([0.3, 1.0, 1.5, 2.0, 1000.0, 7.0, 0.9, 65.0, 3.0, 1e9])
    wanted = piece.code.apply({c.symbols[0]: x}, 0.0)[c.symbols[0]]
    system = PhysicalSystem(State({"x": x.copy()}), (piece,), CanonicalStructure(()), coordinates=c)
    compile_structure(system, "lie_trotter", dt=1.0, backend=BRANCHES[branch]()).run(1)
    assert np.array_equal(system.state["x"], wanted)


def test_the_company_in_a_register_changes_no_bits():
    x = np.linspace(-1.9, 50, 37)
    together = roots(x)
    compile_structure(together, "lie_trotter", dt=1.0, total=99).run(5)
    for k in (0, 13, 36):
        alone = roots(x[k : k + 1])
        compile_structure(alone, "lie_trotter", dt=1.0, total=99).run(5)
        assert alone.state["x"][0] == together.state["x"][k]


@pytest.mark.parametrize("branch", BRANCHES)
def test_a_failure_names_operation_system_step_and_time(branch):
    x = np.full(21, 3.0)
    x[17] = -2.35  # after two shifts it would need the root of a negative number
    x[5] = -60.0
    system = roots(x)
    system.state.first = 1000
    program = compile_structure(system, "lie_trotter", dt=0.5, backend=BRANCHES[branch]())
    said = (
        r"'root' failed in step 1 at time 0: no root after 40 iterations "
        r"\(system 1005; 1 more systems failed\)"
    )
    with pytest.raises(OperationError, match=said):
        program.run(4)
    assert system.state["x"][5] == -60.0
    assert system.state["y"][5] == 0.0
    assert system.state["y"][0] == 4.0


@pytest.mark.parametrize("branch", BRANCHES)
def test_the_first_failing_step_is_found_within_a_call(branch):
    x = np.full(21, 3.0)
    system = roots(x)
    system.state["y"][9] = 33.0  # x falls by 3.3, 3.4, ... and the roots cannot follow
    program = compile_structure(system, "lie_trotter", dt=0.5, backend=BRANCHES[branch]())
    program_one = compile_structure(roots(x), "lie_trotter", dt=0.5, backend=BRANCHES[branch]())
    program_one.state["y"][9] = 33.0
    done = 0
    while done < 50:
        try:
            program_one.step()
        except OperationError:
            break
        done += 1
    with pytest.raises(OperationError, match=rf"in step {done + 1} at time {0.5 * done:g}: .*\(system 9\)"):
        program.run(done + 2)
    assert system.state["x"][9] == program_one.state["x"][9]


def test_what_has_no_form_in_cpp_is_named():
    c = Coordinates.declare(["x"])
    (x,) = c.symbols
    for expression, said in (
        (sympy.besselj(0, x), "besselj is not available in compiled programs"),
        (x + sympy.Symbol("k"), "symbol k has no value"),
        (x * sympy.I, "is not a finite real number"),
        (sympy.Piecewise((x, x > 0)), "end it with True"),
    ):
        values = Values(c, {})
        code = Update.of({x: expression})
        piece = expression_piece("p", "", Update.of({x: x}), values)
        object.__setattr__(piece, "code", code)
        system = PhysicalSystem(State({"x": np.zeros(3)}), (piece,), CanonicalStructure(()), coordinates=c)
        with pytest.raises(PrintError, match=said):
            compile_structure(system, "lie_trotter", dt=0.1)
