"""Self-gravitating particles:  H = sum p²/2m - G sum_{i<j} m_i m_j s(|q_i - q_j|),  p = m v.

    dq/dt = v          drift, the exact flow of the kinetic energy
    dv/dt = a(q)       kick, the exact flow of the potential energy
    a_i = -grad phi_i,   phi_i = -G sum_j m_j s(|q_i - q_j|)

s(r) = 1/r without softening, 1/sqrt(r² + softening²) with Plummer's, a cubic spline's potential with the
other. The field (a tree or the direct sum) computes a and, on request, phi.
"""

from __future__ import annotations

from typing import Any

from hpcphys.compiler.pieces import drift, flow_linear, kick
from hpcphys.compiler.state import State
from hpcphys.compiler.structures import CanonicalStructure
from hpcphys.compiler.system import PhysicalSystem

EQUATION = "H = sum p²/2m - G sum_{i<j} m_i m_j s(|q_i - q_j|)"


def gravity(state: State, field: Any, backend: Any) -> PhysicalSystem:
    """The system of the module's equations, split into drift and kick.

    state: position (n, 3), velocity (n, 3) [float64], mass (n,), id (n,) of this rank
    field: TreeGravity or DirectGravity, or anything with their interface; writes "acceleration"
    backend: kernel runtime whose module "particles" moves the rows
    Raises ValueError if the state lacks an array or the field does not compute the acceleration.
    """
    missing = [name for name in ("position", "velocity", "mass", "id") if name not in state]
    if missing:
        raise ValueError(
            f"gravity needs the arrays position, velocity, mass, id; missing: {', '.join(missing)}"
        )
    pieces = (
        drift(flow_linear(backend, "position", "velocity")),
        kick(flow_linear(backend, "velocity", "acceleration")),
    )
    return PhysicalSystem(
        state, pieces, CanonicalStructure(), fields=(field,), quadratic_kinetic=True, equation=EQUATION
    )
