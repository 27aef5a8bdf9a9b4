"""What is written for an expression: powers of one base from one root, each difference and product once."""

from __future__ import annotations

import sympy

from hpcphys.compiler.expressions import DT, Coordinates
from hpcphys.compiler.flows import noise
from hpcphys.compiler.native.kernel import Repetition, repetition
from hpcphys.compiler.native.writer import Writer

C = Coordinates.declare(["q[6]", "p[6]"], ["m[3]"])
Q, P, M = (C.named[name].symbols for name in "qpm")


def written(expressions, **options):
    names = {symbol: str(symbol).replace("[", "").replace("]", "") for symbol in (*C.symbols, *M)}
    moving = {symbol: names[symbol] for symbol in C.symbols}
    writer = Writer(moving, {symbol: names[symbol] for symbol in M}, **options)
    writer.begin("test", "dt_0")
    writer.results = writer.evaluate(expressions)
    return writer


def test_pair_forces_share_root_difference_and_factors():
    potential = -sum(
        M[i] * M[j] / sympy.sqrt(sum((Q[2 * i + k] - Q[2 * j + k]) ** 2 for k in (0, 1)))
        for i in range(3) for j in range(i)
    )  # fmt: skip
    writer = written([-sympy.diff(potential, q) for q in Q])
    text = "\n".join(writer.lines)
    assert text.count("inverse_square_root(") == 3
    assert "square_root(" not in text.replace("inverse_square_root(", "")
    differences = [line for line in writer.lines if " - q" in line and "(" not in line]
    assert len(differences) == 6  # x and y of three pairs, in one direction each
    assert len(writer.lines) == 6 + 3 + 3 + 3 * 3 + 6  # differences, r², roots, m m r^-3, forces
    assert len(writer.hoist) == 3  # products of masses


def test_products_with_parameters_are_made_before_the_steps():
    writer = written([Q[0] + DT * P[0] / M[0], sympy.sin(DT * M[1]) * Q[1] + sympy.cos(DT * M[1]) * Q[2]])
    assert [line for line in writer.lines if "inverse" in line or "sine_and" in line] == []
    assert any("inverse(m0)" in line for line in writer.hoist)
    assert any("sine_and_cosine(" in line for line in writer.hoist)
    assert "multiply_add(h_" in writer.lines[0]


def test_a_function_of_dt_keeps_what_depends_on_it():
    writer = written([Q[0] + DT * P[0] / M[0]], outlined=True)
    assert writer.hoist == ["h[0] = inverse(m0);"]
    assert "dt_0" in writer.lines[0]


def test_powers_and_sums_are_made_once():
    a = Q[0] + Q[1]
    writer = written([a**2, a**4, a**8 + Q[2], (Q[2] + Q[0] + Q[1]) * 2, -a])
    products = [line for line in writer.lines if " * " in line and "num(2.0)" not in line]
    assert len(products) <= 3
    assert sum("q0 + q1" in line for line in writer.lines) == 1


def test_results_survive_the_assignment_of_what_they_name():
    writer = written([Q[1], Q[0]])
    assert writer.results[0] != "q1"
    writer.assign([Q[0], Q[1]], writer.results)
    assert writer.lines[-1] == f"q1 = {writer.results[1]};"
    assert f"{writer.results[1]} = q0;" in writer.lines[1]


def test_repetitions_leave_the_fewest_flows():
    assert repetition([1, 2, 3] * 4 + [1]) == Repetition(0, 3, 4)
    assert repetition([9, 1, 2, 1, 2, 1, 2, 7]) == Repetition(1, 2, 3)
    assert repetition([1, 2, 3]).count == 0
    assert Repetition(1, 2, 3).written(list("abcdefgh")) == ["a", "b", "c", "h"]


def test_random_blocks_are_counted_in_pairs():
    writer = written([Q[0]])
    first = writer.normals(sympy.symbols("a b c"))
    second = writer.normals(sympy.symbols("d:1"))
    assert len({*first.values(), *second.values()}) == 4
    assert writer.blocks_drawn == noise.blocks(4) == 2  # parts of one flow share a block
    writer.begin("another flow", "dt_0")
    writer.normals(sympy.symbols("e:1"))
    assert writer.blocks_drawn == 3
    assert sum("normal_pair(" in line for line in writer.lines) == 3
