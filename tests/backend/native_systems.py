"""Systems for tests of generated kernels, with what they must do, and the branches that they run on."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy

from hpcphys.compiler import CanonicalStructure, PhysicalSystem, State
from hpcphys.compiler.expressions import DT, Coordinates
from hpcphys.compiler.flows import Update
from hpcphys.compiler.flows.pieces import Values, expression_piece
from hpcphys.compiler.flows.sequence import Sequence
from hpcphys.compiler.hamiltonian import hamiltonian
from hpcphys.kernels import backend


class Branch:
    """A backend whose generated modules are compiled with more defines: chooses a branch of the prelude."""

    def __init__(self, **defines: int):
        self._backend = backend("cpu", threads=1)
        self._defines = defines

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def generated(self, name: str, text: str, **defines: Any) -> Any:
        return self._backend.generated(name, text, **{**defines, **self._defines})


BRANCHES = {
    "widest": lambda: backend("cpu", threads=2),
    "AVX2": lambda: Branch(HPC_NO_AVX512=1),
    "generic": lambda: Branch(HPC_GENERIC=1),
    "scalar": lambda: Branch(SCALAR_SYSTEMS=1),
    "emulated": lambda: backend("emulated"),
}


def bodies(count: int, rows: int, dimension: int = 2) -> PhysicalSystem:
    """`count` gravitating bodies with a softening, masses that differ from system to system."""
    size = count * dimension
    c = Coordinates.declare([f"q[{size}]", f"p[{size}]"], [f"m[{count}]", "eps"])
    q, p, m = (c.named[name].symbols for name in "qpm")
    axes, (eps,) = range(dimension), c.named["eps"].symbols
    kinetic = sum(p[dimension * i + k] ** 2 / (2 * m[i]) for i in range(count) for k in axes)
    potential = -sum(
        m[i]
        * m[j]
        / sympy.sqrt(eps**2 + sum((q[dimension * i + k] - q[dimension * j + k]) ** 2 for k in axes))
        for i in range(count)
        for j in range(i)
    )
    rng = np.random.default_rng(count)
    return hamiltonian(
        kinetic + potential,
        c.variables,
        state={"q": rng.normal(size=(rows, size)), "p": rng.normal(size=(rows, size))},
        parameters={"eps": 0.3},
        per_system={"m": rng.uniform(0.5, 2.0, (rows, count))},
        splitting="separable",
    )


def rigid_body(rows: int) -> PhysicalSystem:
    """The free rigid body by rotations about its axes: exact flows of m_i^2 / 2 I_i."""
    c = Coordinates.declare(["m[3]"], ["inertia[3]"])
    m, inertia = c.named["m"].symbols, c.named["inertia"].symbols
    values = Values(c, {"inertia": [1.0, 2.0, 3.0]})
    pieces = []
    for k in range(3):
        a, b, angle = m[(k + 1) % 3], m[(k + 2) % 3], DT * m[k] / inertia[k]
        cos, sin = sympy.cos(angle), sympy.sin(angle)
        turned = Update.of({a: cos * a + sin * b, b: cos * b - sin * a})
        pieces.append(expression_piece(f"rotation {k}", f"H = m_{k}^2 / 2 I_{k}", turned, values))
    state = State({"m": np.random.default_rng(rows).normal(size=(rows, 3))})
    return PhysicalSystem(
        state, tuple(pieces), CanonicalStructure(()), coordinates=c, parameters={"inertia": [1.0, 2.0, 3.0]}
    )


def chain(count: int, rows: int) -> PhysicalSystem:
    """The Toda lattice with fixed ends: exponentials in every force."""
    c = Coordinates.declare([f"q[{count}]", f"p[{count}]"])
    q, p = c.named["q"].symbols, c.named["p"].symbols
    ends = (sympy.Integer(0), *q, sympy.Integer(0))
    potential = sum(sympy.exp(ends[i] - ends[i + 1]) for i in range(count + 1))
    rng = np.random.default_rng(count)
    start = {"q": 0.3 * rng.normal(size=(rows, count)), "p": rng.normal(size=(rows, count))}
    return hamiltonian(sum(x**2 for x in p) / 2 + potential, c.variables, state=start)


def langevin(rows: int, first: int = 0) -> PhysicalSystem:
    """A particle in a double well with friction and noise: kick, drift, Ornstein-Uhlenbeck."""
    c = Coordinates.declare(["x[3]", "v[3]"], ["friction"])
    x, v = c.named["x"].symbols, c.named["v"].symbols
    friction = c.named["friction"].symbols[0]
    normal = sympy.symbols("normal_0:3", real=True)
    decay = sympy.exp(-friction * DT)
    values = Values(c, {"friction": 0.7})
    strength = sympy.sqrt(sympy.Abs(1 - decay**2))  # of either sign of DT: compositions step backwards too
    flows = {
        "drift": Update.of({x[k]: x[k] + DT * v[k] for k in range(3)}),
        "kick": Update.of({v[k]: v[k] - DT * (x[k] ** 3 - x[k]) for k in range(3)}),
        "noise": Sequence(
            (
                Update.of({v[0]: decay * v[0] + strength * normal[0]}, normals=normal[:1]),
                Update.of({v[k]: decay * v[k] + strength * normal[k] for k in (1, 2)}, normals=normal[1:]),
            )
        ),
    }
    pieces = tuple(expression_piece(name, name, flow, values) for name, flow in flows.items())
    state = State({"x": np.ones((rows, 3)), "v": np.zeros((rows, 3))}, first=first)
    return PhysicalSystem(state, pieces, CanonicalStructure(()), coordinates=c, parameters={"friction": 0.7})


SYSTEMS = {
    "two bodies": lambda rows: bodies(2, rows, 3),
    "three bodies": lambda rows: bodies(3, rows),
    "rigid body": rigid_body,
    "Toda chain": lambda rows: chain(5, rows),
    "Langevin": langevin,
}
