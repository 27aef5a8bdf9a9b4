"""Friction, noise and thermostats: the part that exchanges heat, split off from the reversible motion."""

from __future__ import annotations

import sympy

from hpcphys.compiler.expressions.coordinates import DT
from hpcphys.compiler.expressions.derivatives import gradient
from hpcphys.compiler.flows.code import FlowCode
from hpcphys.compiler.flows.implicit import midpoint
from hpcphys.compiler.flows.sequence import Sequence
from hpcphys.compiler.flows.update import Update
from hpcphys.compiler.splitting.closed import closed_flow, moving
from hpcphys.compiler.splitting.parts import Part, equations
from hpcphys.compiler.splitting.signs import Signs
from hpcphys.compiler.structures.dissipative import DissipativeStructure
from hpcphys.compiler.structures.generic import GenericStructure
from hpcphys.compiler.structures.nose_hoover import NoseHooverStructure
from hpcphys.compiler.structures.poisson import PoissonStructure, SymbolicCanonical
from hpcphys.compiler.structures.symbolic import SymbolicStructure

SUZUKI_YOSHIDA = (
    1.3512071919596578,
    -1.7024143839193153,
    1.3512071919596578,
)
"""Weights of the steps of a chain of thermostats: fourth order.  Source: Yoshida (1990) Phys. Lett. A 150,
262."""


class HeatError(ValueError):
    """Friction and noise have no exact flow for a Hamiltonian; the message says why."""


def heat_part(hamiltonian: sympy.Expr, structure: SymbolicStructure, signs: Signs) -> Part:
    """The part of friction and noise, of a thermostat, or of the entropy, for a structure that has one.

    Raises HeatError where noise has no exact flow.
    """
    if isinstance(structure, NoseHooverStructure):
        return chain_part(hamiltonian, structure)
    if isinstance(structure, GenericStructure):
        return entropy_part(structure, signs)
    assert isinstance(structure, DissipativeStructure)
    return friction_part(hamiltonian, structure, signs)


def reversible_structure(structure: SymbolicStructure) -> PoissonStructure:
    """The Poisson structure that is left without friction, noise and thermostats."""
    coordinates = getattr(structure, "base", structure.coordinates)
    pairs = getattr(structure, "pairs", None)
    if pairs is not None:
        return SymbolicCanonical(coordinates, pairs)
    return PoissonStructure(
        "reversible",
        "dz/dt = L grad E",
        coordinates,
        structure.matrix,
        casimirs=structure.casimir_expressions,
    )


def entropy_part(structure: GenericStructure, signs: Signs) -> Part:
    """dz/dt = M grad S: exact where a closed flow is found, else by the implicit midpoint.

    The exact flow conserves E, as M grad E = 0; the midpoint does so where E is of degree two at most.
    """
    field = moving(structure.irreversible)
    flow = closed_flow(field, signs)
    if flow is not None:
        return Part(
            "entropy", flow.kind, structure.entropy, equations(field), flow.code, flow.reason, role="O"
        )
    return Part(
        "entropy",
        "midpoint",
        structure.entropy,
        equations(field),
        midpoint(field),
        "implicit: E exact where of degree two at most; S grows",
        order=2,
    )


def friction_part(hamiltonian: sympy.Expr, structure: DissipativeStructure, signs: Signs) -> Part:
    """dz = -D grad H dt + sqrt(2 kT D) dW by its exact flow: a process of Ornstein and Uhlenbeck.

    Without noise any linear friction is exact. With noise H must be quadratic, diagonal in what D moves:
        p <- e^(-a dt) p + (kT/k)^½ (1 - e^(-2 a dt))^½ xi,   k = d²H/dp²,  a = D k.
    Raises HeatError where that does not hold.
    Source: Uhlenbeck & Ornstein (1930) Phys. Rev. 36, 823; Leimkuhler & Matthews (2015), section 7.3.
    """
    symbols = structure.coordinates.symbols
    slopes = gradient(hamiltonian, symbols)
    field = dict.fromkeys(symbols, sympy.S.Zero)
    for (i, j), entry in structure.friction.todok().items():
        field[symbols[i]] -= entry * slopes[symbols[j]]
    field = moving(field)
    if not structure.noise:
        flow = closed_flow(field, signs)
        if flow is None:
            raise HeatError(f"the friction {equations(field)} has no exact flow that could be found")
        return Part("friction", flow.kind, hamiltonian, equations(field), flow.code, flow.reason, role="O")
    code = _ornstein_uhlenbeck(hamiltonian, structure)
    return Part(
        "friction",
        "Ornstein-Uhlenbeck",
        hamiltonian,
        f"{equations(field)}, and noise sqrt(2 kT D) dW",
        code,
        "exact in law: decay and normal variates of the variance that is left",
        role="O",
    )


def _ornstein_uhlenbeck(hamiltonian: sympy.Expr, structure: DissipativeStructure) -> Update:
    symbols = structure.coordinates.symbols
    assignments, normals = {}, []
    for i, symbol in enumerate(symbols):
        friction = structure.friction[i, i]
        if friction == 0:
            continue
        slope = sympy.expand(sympy.diff(hamiltonian, symbol))
        stiffness = sympy.diff(slope, symbol)
        offset = sympy.simplify(slope - stiffness * symbol)
        if stiffness == 0 or stiffness.free_symbols & set(symbols) or offset != 0:
            raise HeatError(
                f"noise on {symbol} has an exact flow only for H quadratic in {symbol} with a constant "
                f"mass; found "
                f"dH/d{symbol} = {slope}"
            )
        rate = friction * stiffness
        xi = sympy.Dummy(f"xi_{symbol}", real=True)
        # 1 - e^(-2 a t) = 2 e^(-a t) sinh(a t), without the loss of digits for small a t
        spread = sympy.sqrt(
            structure.temperature / stiffness * 2 * sympy.exp(-rate * DT) * sympy.sinh(rate * DT)
        )
        assignments[symbol] = sympy.exp(-rate * DT) * symbol + spread * xi
        normals.append(xi)
    return Update.of(assignments, normals)


def chain_part(hamiltonian: sympy.Expr, structure: NoseHooverStructure) -> Part:
    """The flow of a chain of thermostats and its drag on the momenta, of any length.

    A symmetric product of exact flows: p_eta from the end of the chain to its head, then p and eta, then
    back; repeated with Suzuki-Yoshida weights: fourth order, and reversible.
    Source: Martyna, Tuckerman, Tobias & Klein (1996) Mol. Phys. 87, 1117, equations (35) to (38).
    """
    drive = _drives(hamiltonian, structure)
    flows = [_scaled(update, weight) for weight in SUZUKI_YOSHIDA for update in _chain_step(structure, drive)]
    length = len(structure.eta)
    return Part(
        "thermostat",
        f"Nosé-Hoover chain of {length}",
        hamiltonian,
        "dp/dt = -(p_eta_1/Q_1) p,  and the chain",
        Sequence(tuple(flows)),
        f"{len(SUZUKI_YOSHIDA)} symmetric products of exact flows, with the weights of Suzuki and Yoshida",
        order=4,
    )


def _drives(hamiltonian: sympy.Expr, structure: NoseHooverStructure) -> list[sympy.Expr]:
    """What pushes each p_eta: twice the kinetic energy of the link before, less its mean."""
    slopes = gradient(hamiltonian, structure.momenta)
    heat = sympy.Add(*(p * slopes[p] for p in structure.momenta))
    drives = [heat - structure.degrees * structure.temperature]
    for p, mass in zip(structure.p_eta[:-1], structure.chain_masses[:-1], strict=True):
        drives.append(p**2 / mass - structure.temperature)
    return drives


def _chain_step(structure: NoseHooverStructure, drives: list[sympy.Expr]) -> list[Update]:
    """One symmetric step over DT."""
    p_eta, masses = structure.p_eta, structure.chain_masses
    half = []
    for k in reversed(range(len(p_eta))):
        push = {p_eta[k]: p_eta[k] + DT / 2 * drives[k]}
        if k + 1 == len(p_eta):
            half.append(Update.of(push))
            continue
        drag = Update.of({p_eta[k]: p_eta[k] * sympy.exp(-DT / 4 * p_eta[k + 1] / masses[k + 1])})
        half += [drag, Update.of(push), drag]
    drag = sympy.exp(-DT * p_eta[0] / masses[0])
    middle = {p: p * drag for p in structure.momenta}
    middle |= {eta: eta + DT * p / mass for eta, p, mass in zip(structure.eta, p_eta, masses, strict=True)}
    return [*half, Update.of(middle), *reversed(half)]


def _scaled(update: Update, weight: float) -> FlowCode:
    """The flow over weight * DT."""
    return Update.of({symbol: expr.xreplace({DT: weight * DT}) for symbol, expr in update.assignments})
