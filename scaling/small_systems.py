"""The small systems of the compiler's benchmark, as this program states them."""

from __future__ import annotations

import numpy as np
import sympy

from hpcphys.compiler import CanonicalStructure, PhysicalSystem, State
from hpcphys.compiler.expressions import DT, Coordinates
from hpcphys.compiler.flows import Update
from hpcphys.compiler.flows.pieces import Values, expression_piece
from hpcphys.compiler.hamiltonian import hamiltonian

INERTIA = (1.0, 2.0, 3.0)
MASSES = (1.0, 1.0, 1.0)
# The figure eight of Chenciner & Montgomery (2000) Ann. Math. 152, 881; initial values of C. Simó.
EIGHT_POSITION = (0.97000436, -0.24308753, -0.97000436, 0.24308753, 0.0, 0.0)
EIGHT_MOMENTUM = (0.466203685, 0.43236573, 0.466203685, 0.43236573, -0.93240737, -0.86473146)
EIGHT_PERIOD = 6.32591398


def eight_rows(rows: int) -> np.ndarray:
    """(rows, 12) positions and momenta: the figure eight, each but the first disturbed by about 1e-3."""
    start = np.array([*EIGHT_POSITION, *EIGHT_MOMENTUM])
    disturbed = start + 1e-3 * np.random.default_rng(1).uniform(-1, 1, (rows, 12))
    disturbed[0] = start
    return disturbed


def three_bodies(rows: int) -> PhysicalSystem:
    """Three bodies in a plane, G = 1."""
    c = Coordinates.declare(["q[6]", "p[6]"], ["m[3]"])
    q, p, m = (c.named[name].symbols for name in "qpm")
    kinetic = sum((p[2 * i] ** 2 + p[2 * i + 1] ** 2) / (2 * m[i]) for i in range(3))
    potential = -sum(
        m[i] * m[j] / sympy.sqrt((q[2 * i] - q[2 * j]) ** 2 + (q[2 * i + 1] - q[2 * j + 1]) ** 2)
        for i in range(3)
        for j in range(i)
    )
    z = eight_rows(rows)
    start = {"q": z[:, :6].copy(), "p": z[:, 6:].copy()}
    return hamiltonian(kinetic + potential, ["q[6]", "p[6]"], state=start, parameters={"m": MASSES})


def kepler(rows: int) -> PhysicalSystem:
    """A planet of unit mass about a fixed centre, in a plane."""
    speed = np.random.default_rng(2).uniform(0.8, 1.2, rows)
    start = {"q": np.tile([1.0, 0.0], (rows, 1)), "p": np.stack((np.zeros(rows), speed), axis=1)}
    return hamiltonian("dot(p, p)/2 - 1/norm(q)", ["q[2]", "p[2]"], state=start)


def rigid_body(rows: int) -> PhysicalSystem:
    """The free rigid body as rotations about its axes, the exact flows of m_k² / 2 I_k."""
    c = Coordinates.declare(["m[3]"], ["inertia[3]"])
    m, inertia = c.named["m"].symbols, c.named["inertia"].symbols
    values = Values(c, {"inertia": INERTIA})
    pieces = []
    for k in range(3):
        a, b, angle = m[(k + 1) % 3], m[(k + 2) % 3], DT * m[k] / inertia[k]
        cos, sin = sympy.cos(angle), sympy.sin(angle)
        turned = Update.of({a: cos * a + sin * b, b: cos * b - sin * a})
        pieces.append(expression_piece(f"rotation {k + 1}", f"H = m_{k}²/2I_{k}", turned, values))
    state = State({"m": np.random.default_rng(3).normal(size=(rows, 3))})
    parameters = {"inertia": INERTIA}
    return PhysicalSystem(state, tuple(pieces), CanonicalStructure(()), coordinates=c, parameters=parameters)


SYSTEMS = {"kepler": kepler, "three_bodies": three_bodies, "rigid_body": rigid_body}
