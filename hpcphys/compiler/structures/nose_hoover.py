"""Nosé-Hoover chains: a thermostat of extended variables, deterministic and reversible."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sympy

from hpcphys.compiler.expressions.coordinates import TIME, Coordinates, Variable
from hpcphys.compiler.structures.base import StructureError
from hpcphys.compiler.structures.options import components_of, positive_of
from hpcphys.compiler.structures.poisson import SymbolicCanonical
from hpcphys.compiler.structures.proofs import Proofs
from hpcphys.compiler.structures.symbolic import Motion, SymbolicStructure


class NoseHooverStructure(SymbolicStructure):
    """Canonical motion coupled to a chain of M thermostats (eta_k, p_eta_k) with masses Q_k:

        dq/dt = dH/dp                     deta_k/dt = p_eta_k / Q_k
        dp/dt = -dH/dq - (p_eta_1/Q_1) p
        dp_eta_1/dt = p . dH/dp - N kT - (p_eta_2/Q_2) p_eta_1
        dp_eta_k/dt = p_eta_(k-1)²/Q_(k-1) - kT - (p_eta_(k+1)/Q_(k+1)) p_eta_k

    Conserved: H + sum p_eta_k²/2Q_k + N kT eta_1 + kT (eta_2 + ... + eta_M). The measure exp(-(H + sum
    p_eta_k²/2Q_k)/kT) is stationary. Time reverses by p -> -p, p_eta -> -p_eta.

    coordinates: of H; the structure's own have eta[M] and p_eta[M] as well
    temperature: kT [energy];  length: M, at least 1
    chain_masses: Q_1 ... Q_M [energy time²]: one value, a list, or the name of a vector parameter; by
        default N kT tau² for the first and kT tau² for the others
    period: tau [time], of the thermostats' own oscillation
    degrees: N, the momenta that hold kT/2 each; by default the number of components of p
    Source: Martyna, Klein & Tuckerman (1992) J. Chem. Phys. 97, 2635.
    """

    def __init__(
        self,
        coordinates: Coordinates,
        temperature: Any,
        length: int = 3,
        *,
        chain_masses: Any = None,
        period: Any = 1,
        degrees: int | None = None,
        pairs: Sequence[Sequence[str]] | None = None,
        names: tuple[str, str] = ("eta", "p_eta"),
    ):
        if isinstance(length, bool) or not isinstance(length, int) or length < 1:
            raise StructureError(f"length of the chain of thermostats is {length!r}; 1, 2, ... are allowed")
        canonical = SymbolicCanonical(coordinates, pairs)
        self.base, self.pairs = coordinates, canonical.pairs
        self.momenta = tuple(p for _, p in canonical.symbol_pairs())
        self.temperature = positive_of(temperature, coordinates, "temperature")
        self.degrees = len(self.momenta) if degrees is None else degrees
        if not 1 <= self.degrees <= len(self.momenta):
            raise StructureError(f"degrees is {degrees}; allowed: 1 to {len(self.momenta)}")
        eta, p_eta = (Variable(name, length) for name in names)
        self.eta, self.p_eta = eta.symbols, p_eta.symbols
        self.chain_masses = self._chain_masses(chain_masses, period, p_eta)
        size = coordinates.dimension + 2 * length
        super().__init__(
            "nose_hoover",
            "dq/dt = dH/dp,  dp/dt = -dH/dq - (p_eta_1/Q_1) p,  chain of "
            f"{length} thermostat{'s' if length > 1 else ''}",
            Coordinates((*coordinates.variables, eta, p_eta), coordinates.parameters),
            sympy.SparseMatrix(size, size, dict(canonical.entries)),
            reversal={p: -p for p in (*self.momenta, *self.p_eta)},
        )

    def _chain_masses(self, given: Any, period: Any, p_eta: Variable) -> tuple[sympy.Expr, ...]:
        if given is not None:
            return components_of(given, p_eta, self.base, "mass of the thermostats")
        unit = self.temperature * positive_of(period, self.base, "period") ** 2
        return (self.degrees * unit, *[unit] * (p_eta.width - 1))

    def motion(self, gradient: Mapping[sympy.Symbol, sympy.Expr], hamiltonian: sympy.Expr) -> Motion:
        """The equations above."""
        motion = self.matrix_times(gradient)
        speed = [p / mass for p, mass in zip(self.p_eta, self.chain_masses, strict=True)]
        for p in self.momenta:
            motion[p] -= speed[0] * p
        drive = sympy.Add(*(p * gradient[p] for p in self.momenta)) - self.degrees * self.temperature
        for k, p in enumerate(self.p_eta):
            motion[self.eta[k]] = speed[k]
            drag = speed[k + 1] * p if k + 1 < len(speed) else sympy.S.Zero
            motion[p] = drive - drag
            drive = p * speed[k] - self.temperature
        return motion

    @property
    def thermostat_energy(self) -> sympy.Expr:
        """What the thermostats hold: the conserved energy less H."""
        kinetic = (p**2 / (2 * mass) for p, mass in zip(self.p_eta, self.chain_masses, strict=True))
        heat = (self.degrees * self.eta[0], *self.eta[1:])
        return sympy.Add(*kinetic) + self.temperature * sympy.Add(*heat)

    def conserved(self, hamiltonian: sympy.Expr) -> dict[str, sympy.Expr]:
        """The extended energy."""
        if hamiltonian.has(TIME):
            return {}
        return {"extended energy": hamiltonian + self.thermostat_energy}

    def prove(self, proofs: Proofs) -> None:
        """For any H: the extended energy is conserved, and the canonical measure is stationary."""
        super().prove(proofs)
        slopes = {s: sympy.Symbol(f"d_{s}", real=True) for s in self.base.symbols}
        gradient = slopes | dict.fromkeys((*self.eta, *self.p_eta), sympy.S.Zero)
        motion = self.motion(gradient, sympy.S.Zero)
        work = sympy.Add(*(slopes[s] * motion[s] for s in slopes))
        heat = sympy.Add(
            *(sympy.diff(self.thermostat_energy, s) * motion[s] for s in (*self.eta, *self.p_eta))
        )
        proofs.vanish("extended energy", [("d/dt of the extended energy", work + heat)])
        proofs.vanish("canonical measure", self._flow_of_measure(motion, work))

    def _flow_of_measure(self, motion: Motion, work: sympy.Expr) -> Iterator[tuple[str, sympy.Expr]]:
        """div(rho v) / rho for rho = exp(-(H + sum p_eta²/2Q)/kT); J grad H has no divergence."""
        divergence = sympy.Add(*(sympy.diff(motion[s], s) for s in (*self.momenta, *self.p_eta)))
        kinetic = sympy.Add(
            *(p * motion[p] / mass for p, mass in zip(self.p_eta, self.chain_masses, strict=True))
        )
        yield "div(rho v)/rho", divergence - (work + kinetic) / self.temperature
