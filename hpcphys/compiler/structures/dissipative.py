"""Structures with friction and noise: dz = (J - D) grad H dt + sqrt(2 kT D) dW."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sympy

from hpcphys.compiler.expressions.coordinates import Coordinates
from hpcphys.compiler.structures.identities import degeneracy, symmetry
from hpcphys.compiler.structures.options import by_name_of, positive_of
from hpcphys.compiler.structures.poisson import SymbolicCanonical
from hpcphys.compiler.structures.proofs import Proofs, Prover
from hpcphys.compiler.structures.symbolic import Motion, SymbolicStructure


class DissipativeStructure(SymbolicStructure):
    """dz = (J - D) grad H dt + b dW with a friction matrix D, symmetric and positive semi-definite.

    Without noise H never grows: dH/dt = -grad H . D grad H. With a temperature kT the noise is b = sqrt(2 kT
    D), for a diagonal D that does not depend on z, and exp(-H/kT) is stationary.

    friction: D, over the coordinates;  temperature: kT [energy], or None for no noise
    Motions do not reverse. Casimirs of J are conserved where D grad C = 0 and there is no noise.
    Source: Pavliotis (2014), Stochastic Processes and Applications, chapters 4 and 6.
    """

    friction: sympy.ImmutableSparseMatrix
    temperature: sympy.Expr | None

    def __init__(
        self,
        name: str,
        equation: str,
        coordinates: Coordinates,
        matrix: sympy.MatrixBase,
        friction: sympy.MatrixBase,
        temperature: sympy.Expr | None = None,
        casimirs: Mapping[str, sympy.Expr] | None = None,
    ):
        self.friction = sympy.ImmutableSparseMatrix(friction)
        self.temperature = temperature
        noise: dict[sympy.Symbol, sympy.Expr] = {}
        if temperature is not None:
            for i, symbol in enumerate(coordinates.symbols):
                if temperature * self.friction[i, i] != 0:
                    noise[symbol] = sympy.sqrt(2 * temperature * self.friction[i, i])
        super().__init__(name, equation, coordinates, matrix, casimirs=casimirs, noise=noise)

    def motion(self, gradient: Mapping[sympy.Symbol, sympy.Expr], hamiltonian: sympy.Expr) -> Motion:
        """(J - D) grad H."""
        motion = self.matrix_times(gradient)
        symbols = self.coordinates.symbols
        for (i, j), entry in self.friction.todok().items():
            motion[symbols[i]] -= entry * gradient[symbols[j]]
        return motion

    def conserved(self, hamiltonian: sympy.Expr) -> dict[str, sympy.Expr]:
        """The Casimirs that neither friction nor noise change; the energy is not conserved."""
        entries, symbols = dict(self.friction.todok()), self.coordinates.symbols
        return {
            label: casimir
            for label, casimir in self.casimir_expressions.items()
            if not self.noise
            and all(Prover().vanishes(x) for _, x in degeneracy(entries, symbols, casimir, "D grad C"))
        }

    def prove(self, proofs: Proofs) -> None:
        """J is a Poisson structure, D is symmetric and positive, and noise and friction balance at kT."""
        super().prove(proofs)
        entries, symbols = dict(self.friction.todok()), self.coordinates.symbols
        proofs.vanish("symmetry of the friction", symmetry(entries, symbols, "D"))
        parameters = frozenset(self.coordinates.parameter_symbols)
        proofs.positive("positivity of the friction", self.friction, parameters)
        if self.temperature is not None:
            proofs.vanish("balance of noise and friction", self._imbalance(self.temperature))

    def _imbalance(self, temperature: sympy.Expr) -> Iterator[tuple[str, sympy.Expr]]:
        """b² / 2 - kT D, entry by entry, and the change of D with z, which would need another drift."""
        symbols = self.coordinates.symbols
        for i, a in enumerate(symbols):
            yield f"b[{a}]²/2 - kT D", self.noise.get(a, 0) ** 2 / 2 - temperature * self.friction[i, i]
        for (i, j), entry in self.friction.todok().items():
            if i != j:
                yield f"D[{symbols[i]}, {symbols[j]}] (noise needs a diagonal D)", entry
            for symbol in symbols:
                yield f"dD[{symbols[i]}, {symbols[j]}]/d{symbol}", sympy.diff(entry, symbol)


class FrictionStructure(DissipativeStructure):
    """Canonical motion with linear friction: dq/dt = dH/dp, dp/dt = -dH/dq - friction m dH/dp.

    With H = p²/2m + V(q) the last term is -friction p.
    friction: rate [1/time], not negative;  masses: the m of each momentum, positive (see options.by_name_of:
        one value, a list, the name of a parameter, or a table by momentum)
    Raises StructureError for a mass that is not positive, a negative friction, and for wrong pairs.
    """

    def __init__(
        self,
        coordinates: Coordinates,
        friction: Any,
        masses: Any = 1,
        pairs: Sequence[Sequence[str]] | None = None,
    ):
        canonical = SymbolicCanonical(coordinates, pairs)
        self.pairs = canonical.pairs
        self.momenta = tuple(p for _, p in canonical.pairs)
        self.rates, self.masses = _momentum_friction(coordinates, self.momenta, friction, masses)
        super().__init__(
            "friction",
            "dq/dt = dH/dp,  dp/dt = -dH/dq - friction m dH/dp",
            coordinates,
            canonical.matrix,
            _diagonal(coordinates, self.rates, self.masses),
        )


class LangevinStructure(DissipativeStructure):
    """dq = dH/dp dt,  dp = -dH/dq dt - friction m dH/dp dt + sqrt(2 friction m kT) dW.

    With H = p²/2m + V(q) friction and noise are the Ornstein-Uhlenbeck process of p, and exp(-H/kT) is
    stationary.
    friction, masses, pairs: as in FrictionStructure;  temperature: kT [energy], positive or zero
    rates, masses: symbol of each momentum -> friction and mass
    Source: Leimkuhler & Matthews (2015), Molecular Dynamics.
    """

    def __init__(
        self,
        coordinates: Coordinates,
        friction: Any,
        temperature: Any,
        masses: Any = 1,
        pairs: Sequence[Sequence[str]] | None = None,
    ):
        canonical = SymbolicCanonical(coordinates, pairs)
        self.pairs = canonical.pairs
        self.momenta = tuple(p for _, p in canonical.pairs)
        self.rates, self.masses = _momentum_friction(coordinates, self.momenta, friction, masses)
        super().__init__(
            "langevin",
            "dq = dH/dp dt,  dp = -dH/dq dt - friction m dH/dp dt + sqrt(2 friction m kT) dW",
            coordinates,
            canonical.matrix,
            _diagonal(coordinates, self.rates, self.masses),
            positive_of(temperature, coordinates, "temperature", zero=True),
        )


class OrnsteinUhlenbeckStructure(DissipativeStructure):
    """dp = -friction m dH/dp dt + sqrt(2 friction m kT) dW for every variable; there is no reversible part.

    With H = p²/2m this is the process of Uhlenbeck & Ornstein (1930) Phys. Rev. 36, 823; with any H(x) it
    is Brownian motion in the potential H with the mobility friction m.
    Arguments as in LangevinStructure, every variable taken as a momentum.
    """

    def __init__(self, coordinates: Coordinates, friction: Any, temperature: Any, masses: Any = 1):
        self.momenta = tuple(variable.name for variable in coordinates.variables)
        self.rates, self.masses = _momentum_friction(coordinates, self.momenta, friction, masses)
        size = coordinates.dimension
        super().__init__(
            "ornstein_uhlenbeck",
            "dp = -friction m dH/dp dt + sqrt(2 friction m kT) dW",
            coordinates,
            sympy.SparseMatrix(size, size, {}),
            _diagonal(coordinates, self.rates, self.masses),
            positive_of(temperature, coordinates, "temperature", zero=True),
        )


BySymbol = dict[sympy.Symbol, sympy.Expr]


def _momentum_friction(
    coordinates: Coordinates, momenta: Sequence[str], friction: Any, masses: Any
) -> tuple[BySymbol, BySymbol]:
    """Friction and mass of each momentum."""
    variables = [coordinates.named[name] for name in momenta]
    rates = by_name_of(friction, variables, coordinates, "friction", zero=True)
    return rates, by_name_of(masses, variables, coordinates, "mass")


def _diagonal(coordinates: Coordinates, rates: BySymbol, masses: BySymbol) -> sympy.SparseMatrix:
    """D = friction m on the momenta."""
    size = coordinates.dimension
    entries = {(i, i): rates[s] * masses[s] for i, s in enumerate(coordinates.symbols) if s in rates}
    return sympy.SparseMatrix(size, size, entries)
