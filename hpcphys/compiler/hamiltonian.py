"""The front door: a Hamiltonian as text, function or expression becomes a system that is ready to compile.

from hpcphys.compiler.hamiltonian import hamiltonian

system = hamiltonian(
    "(p[0]^2 + p[1]^2) / (2*m) - k / norm(q)", ["q[2]", "p[2]"],
    parameters={"m": 1, "k": 1}, state={"q": [1, 0], "p": [0, 1]},
)
program = compile_structure(system, "yoshida4", dt=0.01, backend=backend("cpu"))
program.run(1000)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import sympy

from hpcphys.compiler.clock import Clock, with_clock
from hpcphys.compiler.expressions.coordinates import TIME, Coordinates, Variable
from hpcphys.compiler.flows.pieces import ExpressionField, Values, expression_piece
from hpcphys.compiler.initial import arrays_of, parameters_of, per_system_of
from hpcphys.compiler.splitting import Splitting, split
from hpcphys.compiler.state import State
from hpcphys.compiler.stated import Stated, added_by, check_start, expression_of, one, structure_of
from hpcphys.compiler.structures.symbolic import SymbolicStructure
from hpcphys.compiler.system import PhysicalSystem


def hamiltonian(
    expression: Stated | Mapping[str, Stated] | Sequence[Stated] | None,
    variables: Sequence[str | Variable | Sequence[str]] = (),
    structure: str | SymbolicStructure = "canonical",
    *,
    state: Mapping[str, Any],
    parameters: Mapping[str, Any] | None = None,
    per_system: Mapping[str, Any] | None = None,
    where: Mapping[str, str] | None = None,
    splitting: str = "auto",
    time: float = 0.0,
    **options: Any,
) -> PhysicalSystem:
    """The system dz/dt = L(z) grad H(z) of a Hamiltonian; its splitting is found (print system.splitting).

    expression: H as text in the grammar of `expressions.parse`, as a Python function whose arguments are
        named like variables and parameters, or as a SymPy expression in symbols of those names. A mapping
        name -> H_k or a sequence is a sum whose terms are kept as the pieces. None where the structure has H
        itself (quantum, generic). H may depend on the time t.
    variables: declarations such as "q[3]" or "x"; ("x", "px") declares a canonical pair. Not needed where
        `structure` has its coordinates.
    structure: a name (structures.registry.structure_names) or a structure
    state: name -> initial values: (size,) for one system, (systems, size) for a batch; scalars: a number or
        (systems,)
    parameters: name -> number, or list for a vector: one value for all systems
    per_system: name -> (systems,) or (systems, size): parameters that differ from system to system
    where: named sub-expressions of a text (see parse)
    splitting: how H is split (splitting.split);  time: initial time
    options: what the structure needs besides: friction, temperature, pairs, matrix, ...
    Raises ExpressionError for an expression that cannot be accepted, StructureError for a structure,
    InitialError for values, SplittingError if the asked splitting does not exist: one clear message each.
    """
    shared, values = parameters_of(parameters)
    single, rows = per_system_of(per_system)
    geometry = structure_of(variables, structure, (*shared, *single), options)
    total, pieces = expression_of(expression, geometry, where or {})
    arrays = arrays_of(geometry.coordinates.variables, state, rows, added_by(geometry, variables))
    if total.has(TIME):
        arrays["t"] = np.full(next(iter(arrays.values())).shape[0], float(time))
    check_start(total, geometry, arrays, values)
    symbols = geometry.coordinates.columns({**values, **rows})
    found = split(
        total,
        geometry,
        splitting,
        values={s: symbols[s] for s in geometry.coordinates.parameter_symbols if s in symbols},
        pieces=pieces,
    )
    return system_of(found, geometry, State(arrays, time), values)


def system_of(
    splitting: Splitting, structure: SymbolicStructure, state: State, parameters: Mapping[str, Any]
) -> PhysicalSystem:
    """The system whose pieces are the parts of a splitting; a clock is added where H depends on time.

    state: holds an array for every variable, and t where H depends on time
    parameters: name -> value of those that serve all systems
    """
    coordinates = structure.coordinates
    parts = splitting.parts
    if splitting.hamiltonian.has(TIME):
        coordinates = Coordinates((*coordinates.variables, Clock("t")), coordinates.parameters)
        parts = with_clock(parts)
    values = Values(coordinates, parameters, splitting.derived)
    fields: tuple[ExpressionField, ...] = ()
    if splitting.forces is not None:
        fields = (ExpressionField("force", splitting.derived, splitting.forces, values),)
    return PhysicalSystem(
        state,
        tuple(
            expression_piece(
                part.name,
                part.equation,
                part.code,
                values,
                role=part.role,
                order=part.order,
                gradient=part.gradient,
            )
            for part in parts
        ),
        structure,
        fields=fields,
        quadratic_kinetic=splitting.quadratic_kinetic,
        equation=f"H = {splitting.hamiltonian}",
        coordinates=coordinates,
        parameters=parameters,
        hamiltonian=splitting.hamiltonian,
        splitting=splitting,
    )


def bracket(f: Stated, g: Stated, structure: SymbolicStructure) -> sympy.Expr:
    """{f, g} = grad f . J grad g of two functions of the structure's coordinates, each text, function or
    SymPy.

    Source: Hairer, Lubich & Wanner (2006), section VII.2.
    """
    a, b = (one(h, structure.coordinates, {}, name) for h, name in ((f, "f"), (g, "g")))
    return sympy.expand(structure.poisson(a, b))


def conserved(system: PhysicalSystem) -> dict[str, Any]:
    """Name -> (systems,) present values of what the system conserves by theory: energy, Casimirs, ...

    The energy is listed even where it is not conserved (friction, time), so that it can be watched.
    Raises ValueError for a system that is not stated as expressions.
    """
    if not isinstance(system.structure, SymbolicStructure) or system.hamiltonian is None:
        raise ValueError("only systems that are stated as a Hamiltonian know their conserved quantities")
    expressions = {"energy": system.hamiltonian} | system.structure.conserved(system.hamiltonian)
    columns = Values(system.coordinates, system.parameters).columns(system.state)
    found = {}
    for name, expr in expressions.items():
        symbols = sorted(expr.free_symbols, key=str)
        function = sympy.lambdify(symbols, expr, "numpy", cse=True)
        values = function(*(columns[symbol] for symbol in symbols))
        found[name] = np.broadcast_to(np.asarray(values, dtype=np.float64), (system.state.count,)).copy()
    return found
