"""Holonomic constraints of expression systems: g_k(q) = 0, stated as text or SymPy expressions."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from math import inf
from typing import Any

import numpy as np
import sympy

from hpcphys.compiler.constraints.errors import ConstraintError
from hpcphys.compiler.constraints.multipliers import dependent
from hpcphys.compiler.constraints.projections import Rattle, Shake, Sparse, Surface, compiled, solved
from hpcphys.compiler.expressions.coordinates import Coordinates, Variable
from hpcphys.compiler.expressions.derivatives import gradient, hessian
from hpcphys.compiler.expressions.grammar import parse
from hpcphys.compiler.flows import FlowCode, Update
from hpcphys.compiler.flows.pieces import Values
from hpcphys.compiler.state import State
from hpcphys.compiler.system import PhysicalSystem

START_TOLERANCE = 1e-9
"""Largest violation, relative to the terms of g (or of dg/dt), that a state may begin with."""

REDUNDANT = 1e-10
"""A constraint of which less than this is left beside those before it is redundant."""


class HolonomicConstraints:
    """g_k(q) = 0 for systems with H = T(p) + V(q),  T = p M^-1 p / 2 with a constant mass matrix.

    Around an unconstrained drift the two projections make RATTLE, which is symplectic and time-reversible on
    the constraint manifold; see compiler.constrain for compositions and for project_every.

    constraints: texts or expressions over positions and parameters, or a mapping name -> one of them
    coordinates: of the system;  kinetic: T, text or expression;  pairs: (position, momentum) names
    parameters: values that serve all systems, by name
    tolerance: |g_k| <= tolerance times the sum of the sizes of its terms (and what rounding of q allows)
    max_iterations: most Newton steps of a projection (3 or 4 are usual)
    Raises ConstraintError for a constraint that holds anything but positions and parameters, or no position,
    and for a kinetic energy that is not quadratic with constant masses; ExpressionError for a wrong text.
    Sources: Andersen (1983) J. Comput. Phys. 52, 24; Leimkuhler & Skeel (1994) J. Comput. Phys. 112, 117;
    Hairer, Lubich & Wanner (2006), section VII.1.
    """

    def __init__(
        self,
        constraints: Sequence[Any] | Mapping[str, Any],
        coordinates: Coordinates,
        kinetic: Any,
        pairs: Sequence[tuple[str, str]],
        parameters: Mapping[str, Any] | None = None,
        *,
        tolerance: float = 1e-12,
        max_iterations: int = 50,
        project_every: int = 1,
    ):
        self.coordinates, self.project_every = coordinates, int(project_every)
        named = coordinates.named
        q = tuple(symbol for position, _ in pairs for symbol in named[position].symbols)
        p = tuple(symbol for _, momentum in pairs for symbol in named[momentum].symbols)
        self.variables = tuple(
            Variable(f"reference_{position}", named[position].size) for position, _ in pairs
        )
        reference = tuple(symbol for variable in self.variables for symbol in variable.symbols)
        self.surface = Surface(
            *_stated(constraints, coordinates, q), q, p, reference, _inverse_mass(kinetic, coordinates, p)
        )
        self.positions = frozenset(position for position, _ in pairs)
        self.momenta = frozenset(momentum for _, momentum in pairs)
        self.reference = frozenset(variable.name for variable in self.variables)
        self.parameters = coordinates.names_in(self.surface.held) - self.positions
        self._values = Values(coordinates, parameters or {}, self.variables)
        self._shake = Shake(self.surface, float(tolerance), int(max_iterations))
        self._codes: dict[str, FlowCode] = {
            "reference": Update.of(dict(zip(reference, q, strict=True))),
            "positions": self._shake,
            "momenta": Rattle(self.surface),
        }

    @property
    def count(self) -> int:
        """Number of constraints."""
        return len(self.surface.values)

    @property
    def degrees_of_freedom(self) -> int:
        """Positions less constraints, of one system."""
        return len(self.surface.positions) - self.count

    def code(self, what: str) -> Any:
        """The projection in symbols: "reference", "positions" (SHAKE) or "momenta" (RATTLE)."""
        return self._codes[what]

    def describe(self) -> str:
        """One line for `explain`."""
        shown = ", ".join(f"{text} = 0" for text in self.surface.names[:3])
        more = f" and {self.count - 3} more" if self.count > 3 else ""
        return (
            f"{shown}{more}; {self.degrees_of_freedom} degrees of freedom left, "
            f"relative tolerance {self._shake.tolerance:.0e}"
        )

    def remember(self, state: State) -> None:
        """q0 <- q."""
        self._values.apply(self._codes["reference"], state, 0.0)

    def project_positions(self, state: State, dt: float) -> None:
        """SHAKE after a drift over dt from the remembered positions.  Raises ConstraintError."""
        self._values.apply(self._codes["positions"], state, dt)

    def project_momenta(self, state: State) -> None:
        """RATTLE.  Raises ConstraintError."""
        self._values.apply(self._codes["momenta"], state, 0.0)

    def project(self, state: State) -> None:
        """Bring a state that is near the constraints onto them, orthogonally in the metric of the masses."""
        self.remember(state)
        self.project_positions(state, inf)
        self.project_momenta(state)

    def verify(self, state: State) -> None:
        """Raise ConstraintError, naming constraint and system, unless the state meets g = 0 and dg/dt = 0 and
        no constraint is redundant."""
        own, systems = self.surface, state.count
        columns = self._values.columns(state)
        terms = [sympy.Add(*map(sympy.Abs, sympy.Add.make_args(rate))) for rate in own.rates]
        sizes = own.sizes(START_TOLERANCE)
        speeds = [START_TOLERANCE * size for size in terms]
        self._check(own.values, sizes, columns, systems, "", "correct the positions")
        self._check(own.rates, speeds, columns, systems, "d/dt of ", "correct the momenta")
        found = compiled([*own.slopes.values(), *own.directions.values()])(columns)
        matrix = own.matrix(found[: len(own.slopes)], found[len(own.slopes) :], systems)
        lost = dependent(matrix, REDUNDANT)
        if lost is not None:
            raise ConstraintError(
                f"constraint {own.names[lost[1]]} of system {lost[0]} is redundant at the start: those "
                "before it fix it already; leave it out"
            )

    def _check(
        self,
        values: Sequence[sympy.Expr],
        sizes: Sequence[sympy.Expr],
        columns: Any,
        systems: int,
        what: str,
        remedy: str,
    ) -> None:
        found = compiled([*values, *sizes])(columns)
        for k, name in enumerate(self.surface.names):
            value = np.broadcast_to(found[k], systems)
            allowed = np.broadcast_to(found[len(values) + k], systems)
            wrong = np.flatnonzero(~(np.abs(value) <= allowed))
            if len(wrong):
                raise ConstraintError(
                    f"{what}constraint {name} of system {wrong[0]} is {value[wrong[0]]:.3g} at the start, "
                    f"allowed {allowed[wrong[0]]:.1e}; {remedy}, or call project(state)"
                )

    def forces(self, state: State, potential: Any) -> tuple[np.ndarray, np.ndarray]:
        """Multipliers (systems, m) and constraint forces (systems, positions) of the exact motion.

        dp/dt = -dV/dq - G^T l,   G M^-1 G^T l = -G M^-1 dV/dq + v g''(q) v,   v = M^-1 p; forces: -G^T l.
        potential: V, text or expression
        """
        own, systems = self.surface, state.count
        q, v = own.positions, dict(zip(own.positions, own.velocities, strict=True))
        slope = gradient(_expression(potential, self.coordinates, "potential"), q)
        curved = [
            sympy.Add(*(v[a] * v[b] * second for (a, b), second in hessian(value, q).items()))
            for value in own.values
        ]
        found = compiled([*slope.values(), *curved, *own.slopes.values(), *own.directions.values()])(
            self._values.columns(state)
        )
        n, m = len(q), self.count
        push = np.stack([np.broadcast_to(x, systems) for x in found[:n]], axis=1)
        bend = np.stack([np.broadcast_to(x, systems) for x in found[n : n + m]], axis=1)
        g = own.dense(own.slopes, found[n + m : n + m + len(own.slopes)], systems)
        along = own.dense(own.directions, found[n + m + len(own.slopes) :], systems)
        multipliers = solved(g @ np.swapaxes(along, 1, 2), bend - np.einsum("skj,sj->sk", along, push))
        return multipliers, -np.einsum("ski,sk->si", g, multipliers)


def constrained(
    system: PhysicalSystem, constraints: Sequence[Any] | Mapping[str, Any], **options: Any
) -> PhysicalSystem:
    """The system with holonomic constraints, for a Hamiltonian that is split into drift and kick.

    system: from hamiltonian(..., splitting="separable"), over the canonical structure
    constraints, options: as HolonomicConstraints takes them
    Raises ConstraintError if the system has no such splitting, and as HolonomicConstraints does.
    """
    pairs = getattr(system.structure, "pairs", ())
    parts = () if system.splitting is None else system.splitting.parts
    positions = {position for position, _ in pairs}
    drifts = {piece.name for piece in system.pieces if piece.writes & positions}
    both = {piece.name for piece in system.pieces if piece.writes - positions} & drifts
    if not parts or not drifts or both:
        raise ConstraintError(
            "constraints need a canonical Hamiltonian T(p) + V(q) that is split into drift and kick; "
            'state it with hamiltonian(..., splitting="separable")'
        )
    kinetic = sympy.Add(*(part.hamiltonian for part in parts if part.name in drifts))
    held = HolonomicConstraints(constraints, system.coordinates, kinetic, pairs, system.parameters, **options)
    return dataclasses.replace(system, constraints=held)


def _expression(given: Any, coordinates: Coordinates, name: str) -> sympy.Expr:
    return parse(given, coordinates, name=name) if isinstance(given, str) else sympy.sympify(given)


def _stated(
    given: Sequence[Any] | Mapping[str, Any], coordinates: Coordinates, positions: tuple[sympy.Symbol, ...]
) -> tuple[tuple[str, ...], tuple[sympy.Expr, ...]]:
    """Names for messages, and the expressions."""
    named = isinstance(given, Mapping)
    items = list(given.items()) if isinstance(given, Mapping) else [("", text) for text in given]
    if not items:
        raise ConstraintError("no constraint is given; at least one is needed")
    names, values = [], []
    for index, (name, stated) in enumerate(items):
        value = _expression(stated, coordinates, f"constraint {name or index}")
        names.append(f"{name!r}: {stated}" if named else str(stated))
        values.append(value)
        wrong = sorted(map(str, value.free_symbols - {*positions, *coordinates.parameter_symbols}))
        if wrong or not value.free_symbols & set(positions):
            found = f"holds {', '.join(wrong)}" if wrong else "holds no position"
            raise ConstraintError(
                f"constraint {names[-1]} {found}; a holonomic constraint is a function of the positions "
                f"{', '.join(sorted({coordinates.owner[s] for s in positions}))} and of parameters"
            )
    return tuple(names), tuple(values)


def _inverse_mass(kinetic: Any, coordinates: Coordinates, momenta: tuple[sympy.Symbol, ...]) -> Sparse:
    """M^-1 = d²T/dp²."""
    energy = _expression(kinetic, coordinates, "kinetic energy")
    place = {symbol: index for index, symbol in enumerate(momenta)}
    found = {
        (place[a], place[b]): sympy.simplify(second) for (a, b), second in hessian(energy, momenta).items()
    }
    for entry in found.values():
        wrong = sorted(map(str, entry.free_symbols & set(coordinates.symbols)))
        if wrong:
            raise ConstraintError(
                f"the kinetic energy {energy} has masses that depend on {', '.join(wrong)}; constraints need "
                "T quadratic in the momenta with constant masses"
            )
    return found
