"""Systems stated as expressions under a new time: equal steps in s are short in t where the motion is fast.

from hpcphys.compiler.new_time import in_logarithmic_time

program = compile_structure(in_logarithmic_time(kepler), "leapfrog_dkd", dt=0.05)     # dt is ds
program.run(1000)
program.state["time"]                                                                 # (systems,) the time t
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import sympy

from hpcphys.compiler.adaptive.expressions import Assigned, Transformed, logarithmic_hamiltonian, sundman
from hpcphys.compiler.expressions.coordinates import TIME, Coordinates, Variable
from hpcphys.compiler.flows.pieces import Values, expression_piece
from hpcphys.compiler.flows.update import Update
from hpcphys.compiler.splitting.canonical import halves_of
from hpcphys.compiler.state import State
from hpcphys.compiler.stated import Stated, one
from hpcphys.compiler.structures.poisson import SymbolicCanonical
from hpcphys.compiler.structures.symbolic import SymbolicStructure
from hpcphys.compiler.system import PhysicalSystem


class NewTimeError(ValueError):
    """A system has no such new time; the message says why and which has."""


def in_logarithmic_time(system: PhysicalSystem) -> PhysicalSystem:
    """The system under the logarithmic Hamiltonian log(T + B) - log(-V) = 0, where dt = ds/(T + B) = ds/(-V).

    system: canonical, of H = T(p) + V(q) with V below 0 on the whole motion
    Its state gets the arrays `time` (systems,), the physical time of each system [time], and `binding` B = -H
    [energy]; the program's dt is ds, its own time is s. Symplectic in the extended phase space; the two-body
    problem follows its ellipse to rounding with compositions that begin with a drift (leapfrog_dkd).
    Raises NewTimeError for another system, or a V that is not below 0 at the start.
    Source: Mikkola & Tanikawa (1999) Mon. Not. R. Astron. Soc. 310, 745; Preto & Tremaine (1999) Astron. J.
        118, 2532.
    """
    structure = _structure(system)
    if not isinstance(structure, SymbolicCanonical):
        raise NewTimeError(
            f"the logarithmic Hamiltonian needs a canonical structure; found {structure.name!r}"
        )
    halves = halves_of(system.hamiltonian, structure)
    if halves is None:
        raise NewTimeError(
            "the logarithmic Hamiltonian needs H = T(p) + V(q), and a term of this one holds positions and "
            "momenta; use in_sundman_time"
        )
    found = logarithmic_hamiltonian(*halves, structure.symbol_pairs())
    depth = _values(system, -halves[1])
    if not np.all(depth > 0.0):
        raise NewTimeError(
            f"V = {-depth.min():.6g} of system {int(depth.argmin())} at the start; the logarithmic "
            "Hamiltonian needs V below 0: shift it by a constant, or use in_sundman_time"
        )
    return _moved(system, found, keeps_fields=False)


def in_sundman_time(system: PhysicalSystem, density: Stated) -> PhysicalSystem:
    """The system under dt = ds/R, where R follows the density of steps Q(z) by a part of its own.

    system: one whose parts are all updates in closed form (drift and kick, rotations, ...)
    density: Q > 0 as text, function or expression of the state, even under reversal; ds/Q is the step at z
    Its state gets the arrays `time` and `density`; the program's dt is ds. Time-reversible, of the order of
    the composition, which must take any number of parts (leapfrog, yoshida4, suzuki4, kahan_li6, ...).
    Raises NewTimeError for parts of another kind, a Q that depends on t or is not above 0 at the start;
    ExpressionError for a density that cannot be accepted.
    Source: Hairer & Söderlind (2005) SIAM J. Sci. Comput. 26, 1838.
    """
    structure = _structure(system)
    codes = {piece.name: piece.code for piece in system.pieces}
    other = [name for name, code in codes.items() if not isinstance(code, Update) or code.normals]
    if other:
        raise NewTimeError(f"the flow of {', '.join(other)} is no single update; state the terms as pieces")
    wanted = one(density, system.coordinates, {}, "density")
    if wanted.has(TIME):
        raise NewTimeError("the density of steps depends on t; it must be a function of the state alone")
    start = _values(system, wanted)
    if not np.all(start > 0.0):
        raise NewTimeError(
            f"the density of steps is {start.min():.6g} for system {int(start.argmin())}; it must be above 0"
        )
    pieces = [Assigned(piece.name, dict(piece.code.assignments), piece.role) for piece in system.pieces]
    motion = structure.vector_field(system.hamiltonian)
    return _moved(system, sundman(pieces, wanted, motion), keeps_fields=True)


def _structure(system: PhysicalSystem) -> SymbolicStructure:
    """The structure of a system that may have a new time."""
    if system.hamiltonian is None or not isinstance(system.structure, SymbolicStructure):
        raise NewTimeError("only systems that are stated as a Hamiltonian have a new time; see hamiltonian()")
    if system.constraints is not None:
        raise NewTimeError("systems with constraints have no new time: their projections need equal steps")
    if "t" in system.state:
        raise NewTimeError("H depends on t, whose clock runs in equal steps; state it without t")
    return system.structure


def _values(system: PhysicalSystem, expression: sympy.Expr) -> np.ndarray:
    """(systems,) values of an expression at the present state."""
    columns = Values(system.coordinates, system.parameters).columns(system.state)
    symbols = sorted(expression.free_symbols, key=str)
    function = sympy.lambdify(symbols, expression, "numpy")
    values = function(*(columns[symbol] for symbol in symbols))
    return np.broadcast_to(np.asarray(values, dtype=np.float64), (system.state.count,))


def _moved(system: PhysicalSystem, found: Transformed, keeps_fields: bool) -> PhysicalSystem:
    """The system of the transformed pieces, on a state with the added variables."""
    fields: tuple[Any, ...] = system.fields if keeps_fields else ()
    derived = [variable for field in fields for variable in field.variables]
    coordinates = Coordinates(
        (*system.coordinates.variables, *(Variable(symbol.name) for symbol in found.added)),
        system.coordinates.parameters,
    )
    state = State({name: system.state[name] for name in system.state.names()}, first=system.state.first)
    now = {TIME: sympy.Float(system.state.time)}
    for symbol, expression in found.added.items():
        state[symbol.name] = _values(system, expression.xreplace(now)).copy()
    values = Values(coordinates, system.parameters, derived)
    pieces = tuple(
        expression_piece(
            piece.name,
            f"d/ds of {', '.join(sorted(values.names(piece.assignments)))}, dt = ds/R",
            Update.of(piece.assignments),
            values,
            role=piece.role,
        )
        for piece in found.pieces
    )
    return dataclasses.replace(
        system,
        state=state,
        pieces=pieces,
        fields=fields,
        quadratic_kinetic=False,
        coordinates=coordinates,
        splitting=None,
    )
