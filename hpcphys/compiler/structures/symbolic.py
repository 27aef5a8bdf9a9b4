"""Structures over named coordinates, given by expressions: the motion dz/dt that a Hamiltonian generates."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from copy import copy
from functools import cached_property
from typing import Any, Self

import numpy as np
import sympy

from hpcphys.compiler.expressions.coordinates import TIME, Coordinates, Variable
from hpcphys.compiler.expressions.derivatives import gradient
from hpcphys.compiler.state import State
from hpcphys.compiler.structures.base import Arrays, Casimir, Structure, StructureError, Verification
from hpcphys.compiler.structures.identities import antisymmetry, degeneracy, jacobi, reversal
from hpcphys.compiler.structures.proofs import Proofs, Prover

HAMILTONIAN = "hamiltonian"
"""Key of the value of H in the numeric gradients of structures whose motion depends on it (contact)."""

Motion = dict[sympy.Symbol, sympy.Expr]


class SymbolicStructure(Structure):
    """A structure whose motion is known as expressions in `coordinates`.

    coordinates: the variables that move, those that the structure adds included, and the parameters
    matrix: J(z) of the Poisson part, rows and columns in the order of coordinates.symbols
    casimir_expressions: name -> C(z) with J grad C = 0
    noise: symbol -> amplitude b(z) of the term b dW of a stochastic motion; empty for the others
    reversal: symbol -> its image under the involution R that reverses time; empty if none is known

    Subclasses give `motion`; the rest follows from it.
    """

    coordinates: Coordinates
    matrix: sympy.ImmutableSparseMatrix
    casimir_expressions: dict[str, sympy.Expr]
    noise: dict[sympy.Symbol, sympy.Expr]
    reversal: dict[sympy.Symbol, sympy.Expr]

    def __init__(
        self,
        name: str,
        equation: str,
        coordinates: Coordinates,
        matrix: sympy.MatrixBase,
        *,
        casimirs: Mapping[str, sympy.Expr] | None = None,
        reversal: Mapping[sympy.Symbol, sympy.Expr] | None = None,
        noise: Mapping[sympy.Symbol, sympy.Expr] | None = None,
    ):
        self.name, self.equation, self.coordinates = name, equation, coordinates
        self.matrix = sympy.ImmutableSparseMatrix(matrix)
        self.casimir_expressions = dict(casimirs or {})
        self.reversal, self.noise = dict(reversal or {}), dict(noise or {})
        self.casimirs = tuple(
            Casimir(label, self._numeric_gradient(expr)) for label, expr in self.casimir_expressions.items()
        )

    @abstractmethod
    def motion(self, gradient: Mapping[sympy.Symbol, sympy.Expr], hamiltonian: sympy.Expr) -> Motion:
        """dz/dt (its drift part) of every coordinate, from the gradient of H and the value of H."""

    def vector_field(self, hamiltonian: sympy.Expr) -> Motion:
        """dz/dt for every coordinate: the drift part of the motion that H generates, in order of z."""
        return self.motion(gradient(hamiltonian, self.coordinates.symbols), hamiltonian)

    def poisson(self, f: sympy.Expr, g: sympy.Expr) -> sympy.Expr:
        """{f, g} = grad f . J grad g."""
        symbols = self.coordinates.symbols
        slopes, motion = gradient(f, symbols), self.matrix_times(gradient(g, symbols))
        return sympy.Add(*(slopes[symbol] * motion[symbol] for symbol in symbols))

    def conserved(self, hamiltonian: sympy.Expr) -> dict[str, sympy.Expr]:
        """Name -> expression of everything that the motion of H conserves by theory: energy and Casimirs."""
        energy = {} if hamiltonian.has(TIME) else {"energy": hamiltonian}
        return energy | dict(self.casimir_expressions)

    def is_reversible(self, hamiltonian: sympy.Expr) -> bool:
        """Whether the reversal R of the structure leaves H unchanged, so that R retraces the motion of H."""
        if not self.reversal:
            return False
        mirrored = hamiltonian.xreplace(self.reversal)
        return Prover().vanishes(mirrored - hamiltonian)

    @cached_property
    def entries(self) -> dict[tuple[int, int], sympy.Expr]:
        """(i, j) -> J_ij, for the entries that are not zero."""
        return dict(self.matrix.todok())

    def matrix_times(self, gradient: Mapping[sympy.Symbol, sympy.Expr]) -> Motion:
        """J grad H for every coordinate, in order."""
        symbols = self.coordinates.symbols
        rows: dict[int, list[sympy.Expr]] = {i: [] for i in range(len(symbols))}
        for (i, j), entry in sorted(self.entries.items()):
            rows[i].append(entry * gradient.get(symbols[j], sympy.S.Zero))
        return {symbol: sympy.Add(*rows[i]) for i, symbol in enumerate(symbols)}

    def verify(self, *, seconds: float = 10.0) -> Verification:
        """Verify by algebra that J is antisymmetric with the Jacobi identity, that J grad C = 0 for its
        Casimirs, and that the reversal R reverses the bracket.

        seconds: time for the proofs of one property; what cannot be proved in it is decided at random points,
            and the result says so in its `how`
        Returns the violation of each property: 0.0 where it is proved, else the largest at the points.
        Raises StructureError that names the property, the variables and the expression that should vanish.
        """
        proofs = Proofs(self.name, seconds)
        self.prove(proofs)
        return proofs.found

    def prove(self, proofs: Proofs) -> None:
        """Prove each property; subclasses that claim more add to it."""
        symbols = self.coordinates.symbols
        proofs.vanish("antisymmetry", antisymmetry(self.entries, symbols))
        proofs.vanish("jacobi", jacobi(self.entries, symbols))
        for label, casimir in self.casimir_expressions.items():
            proofs.vanish(f"casimir {label}", degeneracy(self.entries, symbols, casimir, "J grad C"))
        if self.reversal:
            proofs.vanish("reversal", reversal(self.entries, symbols, self.reversal))

    def bracket(self, z: Arrays, gradient: Arrays) -> dict[str, Any]:
        """dz/dt at the rows of `z` for the rows of the gradient of a Hamiltonian.

        z: variables and parameters, name -> (systems,) or (systems, size); parameters may be single numbers
        gradient: variable -> its derivatives of H, shaped like the variable; a variable left out counts as
            zero. A structure whose motion depends on the value of H needs it as gradient["hamiltonian"].
        Returns a new array for every variable. Raises StructureError if an array is missing.
        """
        return self._compiled_motion(z, gradient)

    def with_parameters(self, parameters: Iterable[Variable]) -> Self:
        """The same structure over coordinates that know further parameters, for Hamiltonians that have them.

        Parameters whose names are known already are left as they are. Raises CoordinatesError if a variable
        has the name of one.
        """
        known = {parameter.name for parameter in self.coordinates.parameters}
        further = tuple(parameter for parameter in parameters if parameter.name not in known)
        wider = copy(self)
        wider.coordinates = Coordinates(self.coordinates.variables, (*self.coordinates.parameters, *further))
        for compiled in ("_compiled_motion", "_compiled_reversal"):
            vars(wider).pop(compiled, None)  # they belong to the narrower coordinates
        return wider

    def reverse(self, state: State) -> None:
        """z <- R z in place.  Raises StructureError if no reversal of the structure is known."""
        if not self.reversal:
            raise StructureError(
                f"structure {self.name!r} has no reversal of time; run backwards with a negative step instead"
            )
        image = self._compiled_reversal({name: state[name] for name in state})
        for name, array in image.items():
            state[name][...] = array

    @cached_property
    def _compiled_motion(self) -> Callable[[Arrays, Arrays], dict[str, Any]]:
        placeholders = {s: sympy.Symbol(f"d_{s.name}", real=True) for s in self.coordinates.symbols}
        value = sympy.Symbol(HAMILTONIAN, real=True)
        motion = self.motion(placeholders, value)
        compiled = compiled_rows(self.coordinates, motion, [*placeholders.values(), value])
        needs_value = any(expr.has(value) for expr in motion.values())

        def bracket(z: Arrays, gradient: Arrays) -> dict[str, Any]:
            if needs_value and HAMILTONIAN not in gradient:
                raise StructureError(
                    f"the motion of structure {self.name!r} depends on the value of H; "
                    f"give it as gradient[{HAMILTONIAN!r}]"
                )
            columns = self.coordinates.columns(gradient)
            slopes = [columns.get(symbol, 0.0) for symbol in placeholders]
            return compiled(z, [*slopes, gradient[HAMILTONIAN] if needs_value else 0.0])

        return bracket

    @cached_property
    def _compiled_reversal(self) -> Callable[[Arrays], dict[str, Any]]:
        # The components that R leaves alone belong to the arrays that are written.
        written = self.coordinates.names_in(self.reversal)
        symbols = (s for name in written for s in self.coordinates.named[name].symbols)
        return compiled_rows(self.coordinates, {s: self.reversal.get(s, s) for s in symbols})

    def _numeric_gradient(self, expr: sympy.Expr) -> Callable[[Arrays], dict[str, Any]]:
        compiled: list[Callable[[Arrays], dict[str, Any]]] = []

        def numeric(z: Arrays) -> dict[str, Any]:
            if not compiled:
                compiled.append(compiled_rows(self.coordinates, gradient(expr, self.coordinates.symbols)))
            return compiled[0](z)

        return numeric


def compiled_rows(
    coordinates: Coordinates,
    expressions: Mapping[sympy.Symbol, sympy.Expr],
    further: list[sympy.Symbol] | None = None,
) -> Callable[..., dict[str, Any]]:
    """A function of rows, rows(z, values of `further`) -> {variable: array}, compiled once by SymPy.

    expressions: coordinate symbol -> expression; every variable that owns one of the symbols is returned,
        its other components zero
    """
    names = [v for v in coordinates.variables if any(s in expressions for s in v.symbols)]
    arguments = [*coordinates.symbols, *coordinates.parameter_symbols]
    wanted = [expressions.get(s, sympy.S.Zero) for v in names for s in v.symbols]
    used = frozenset().union(*(sympy.sympify(expr).free_symbols for expr in wanted))
    function = sympy.lambdify([*arguments, *(further or [])], wanted, "numpy", cse=True)

    def rows(z: Arrays, values: list[Any] | None = None) -> dict[str, Any]:
        columns = coordinates.columns(z)
        missing = sorted({coordinates.owner[s] for s in arguments if s in used and s not in columns})
        if missing:
            raise StructureError(f"no array {', '.join(missing)} was given; the structure needs it")
        results = iter(function(*(columns.get(s, 0.0) for s in arguments), *(values or [])))
        found = {}
        for variable in names:
            parts = [next(results) for _ in variable.symbols]
            found[variable.name] = _assembled(variable, parts, z)
        return found

    return rows


def _assembled(variable: Variable, parts: list[Any], z: Arrays) -> Any:
    """The components of a variable as one new array of rows; constants are spread over the rows."""
    if variable.name in z:
        array = np.zeros_like(z[variable.name], dtype=np.float64)
    else:
        rows = np.broadcast_shapes(*(np.shape(part) for part in parts))
        array = np.zeros(rows if variable.size is None else (*rows, variable.size))
    if variable.size is None:
        array[...] = parts[0]
        return array
    for index, part in enumerate(parts):
        array[..., index] = part
    return array
