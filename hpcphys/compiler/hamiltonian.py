"""Systems that are stated as a Hamiltonian: an expression over declared coordinates becomes pieces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sympy

from hpcphys.compiler.expressions.coordinates import DT, Coordinates, Variable
from hpcphys.compiler.flows import Update
from hpcphys.compiler.flows.pieces import ExpressionField, Values, expression_piece
from hpcphys.compiler.state import State
from hpcphys.compiler.structures import CanonicalStructure
from hpcphys.compiler.system import PhysicalSystem


def separable_system(
    kinetic: sympy.Expr,
    potential: sympy.Expr,
    coordinates: Coordinates,
    pairs: Sequence[tuple[str, str]],
    state: State,
    parameters: Mapping[str, Any],
) -> PhysicalSystem:
    """H = T(p) + V(q): a drift by dT/dp and a kick by the force -dV/dq, which the field `force` holds.

    pairs: (position, momentum) names of variables of equal size
    """
    forces = [Variable(f"force_{momentum}", coordinates.named[momentum].size) for _, momentum in pairs]
    values = Values(coordinates, parameters, forces)
    drift, force, kick = {}, {}, {}
    for (position, momentum), derived in zip(pairs, forces, strict=True):
        q, p = coordinates.named[position].symbols, coordinates.named[momentum].symbols
        for q_k, p_k, f_k in zip(q, p, derived.symbols, strict=True):
            drift[q_k] = q_k + DT * sympy.diff(kinetic, p_k)
            force[f_k] = -sympy.diff(potential, q_k)
            kick[p_k] = p_k + DT * f_k
    field = ExpressionField("force", forces, Update.of(force), values)
    pieces = (
        expression_piece("drift", "dq/dt = dT/dp", Update.of(drift), values),
        expression_piece("kick", "dp/dt = -dV/dq", Update.of(kick), values),
    )
    return PhysicalSystem(
        state,
        pieces,
        CanonicalStructure(tuple(pairs)),
        fields=(field,),
        equation=f"H = {kinetic} + {potential}",
        coordinates=coordinates,
        parameters=parameters,
    )
