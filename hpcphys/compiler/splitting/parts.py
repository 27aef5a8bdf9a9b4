"""What a splitting is: the parts of a generator, the flow of each, and why it was chosen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import sympy

from hpcphys.compiler.expressions.coordinates import Variable
from hpcphys.compiler.flows.code import FlowCode
from hpcphys.compiler.flows.update import Update

EXPANDED = 60  # operations of an expression that is multiplied out to be shown
SHOWN = 160  # characters of an expression that a line of text shows


@dataclass(frozen=True)
class Part:
    """One term of the generator with its flow.

    name: unique in the splitting;  kind: drift, kick, shear, rotation, linear, exponential, polynomial,
        commuting, or the name of an implicit method
    hamiltonian: the term;  equation: what the flow solves, as text
    code: the flow in symbols
    order: None for an exact flow; of another, the order in dt of its error over a time
    poisson: whether the flow keeps a Poisson structure, D J(z) D^T = J(phi(z)), as exact flows over one do
    role: "A", "B" or "O" in compositions with named parts;  reason: why this flow
    gradient: gives d/dq of F.M⁻¹F for each momentum, for kicks by a modified potential; or None
    """

    name: str
    kind: str
    hamiltonian: sympy.Expr
    equation: str
    code: FlowCode
    reason: str
    order: int | None = None
    role: str = ""
    poisson: bool = True
    gradient: Callable[[], Mapping[sympy.Symbol, sympy.Expr]] | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Splitting:
    """H as the sum of parts.

    parts: in the order of composition: the first is the innermost of a symmetric step
    derived: variables that hold forces, each with its expressions in `forces`
    quadratic_kinetic: H = T + V with T quadratic in the momenta, V of positions alone
    notes: what was found and chosen, a line each
    """

    hamiltonian: sympy.Expr
    parts: tuple[Part, ...]
    derived: tuple[Variable, ...] = ()
    forces: Update | None = None
    quadratic_kinetic: bool = False
    notes: tuple[str, ...] = ()

    @property
    def exact(self) -> bool:
        """Whether every part moves by its exact flow."""
        return all(part.order is None for part in self.parts)

    def __str__(self) -> str:
        lines = [f"H = {shown(self.hamiltonian)}", *self.notes]
        for index, part in enumerate(self.parts, 1):
            how = "exact" if part.order is None else f"order {part.order}"
            lines.append(f"  {index}. {part.name} ({part.kind}, {how}): H{index} = {shown(part.hamiltonian)}")
            lines.append(f"     {part.equation}")
            lines.append(f"     {part.reason}")
        return "\n".join(lines)


def shown(expr: sympy.Basic) -> str:
    """An expression as text, its middle left out where it is long."""
    text = str(expr)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 40]} ... {text[-35:]}"


def shortest(expr: sympy.Expr) -> sympy.Expr:
    """The shorter of a small expression and what multiplying it out gives."""
    if sympy.count_ops(expr) > EXPANDED:
        return expr
    return min(expr, sympy.expand(expr), key=sympy.count_ops)


def equations(field: Mapping[sympy.Symbol, sympy.Expr]) -> str:
    """dz/dt = X(z) as text: a few components in a short form, and how many more there are."""
    first = [f"d{symbol}/dt = {shown(shortest(rate))}" for symbol, rate in list(field.items())[:3]]
    more = len(field) - len(first)
    return ",  ".join(first) + (f",  and {more} more" if more else "")
