"""Named coordinates of a system: which numbers make up z, which are parameters, and their symbols.

A variable is a scalar or a vector of fixed size; of every system in a batch the state holds one row:

    "x"      a scalar      array x of shape (systems,)         symbol  x
    "q[3]"   a vector      array q of shape (systems, 3)       symbols q[0], q[1], q[2]

Parameters have the same form. Their values are one number for all systems, or one row per system.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sympy

DT = sympy.Symbol("dt", real=True)
"""The length of a step, in the expressions of flows."""

TIME = sympy.Symbol("t", real=True)
"""The time of a system, in a Hamiltonian that depends on it."""

RESERVED = frozenset({"dt", "t", "pi", "E", "I"})
_DECLARATION = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*)\s*(?:\[\s*(\d+)\s*\])?\s*")


class CoordinatesError(ValueError):
    """Coordinates are declared in a way that cannot be; the message says which and what is allowed."""


@dataclass(frozen=True)
class Variable:
    """One name of the coordinates: a scalar (size None) or a vector of `size` components.

    Raises CoordinatesError for a name that is no identifier or is reserved, and for a size below 1.
    """

    name: str
    size: int | None = None

    def __post_init__(self) -> None:
        if not self.name.isidentifier() or keyword.iskeyword(self.name) or self.name in RESERVED:
            reserved = ", ".join(sorted(RESERVED))
            raise CoordinatesError(
                f"{self.name!r} cannot name a variable; use letters, digits and _ (reserved: {reserved})"
            )
        if self.size is not None and self.size < 1:
            raise CoordinatesError(f"variable {self.name}[{self.size}] has no components; 1 is least")

    @cached_property
    def symbols(self) -> tuple[sympy.Symbol, ...]:
        """The symbols of the components, real."""
        if self.size is None:
            return (sympy.Symbol(self.name, real=True),)
        return tuple(sympy.Symbol(f"{self.name}[{index}]", real=True) for index in range(self.size))

    @property
    def width(self) -> int:
        """Number of components; 1 for a scalar."""
        return 1 if self.size is None else self.size

    def __str__(self) -> str:
        return self.name if self.size is None else f"{self.name}[{self.size}]"


def declared(text: str | Variable) -> Variable:
    """The variable of a declaration such as "x" or "q[3]".  Raises CoordinatesError for another form."""
    if isinstance(text, Variable):
        return text
    match = _DECLARATION.fullmatch(text)
    if match is None:
        raise CoordinatesError(f'{text!r} declares no variable; write "x" for a scalar, "q[3]" for a vector')
    return Variable(match[1], None if match[2] is None else int(match[2]))


@dataclass(frozen=True)
class Coordinates:
    """The variables that move and the parameters that do not.  Names are unique over both.

    Raises CoordinatesError when a name is declared twice or nothing is declared.
    """

    variables: tuple[Variable, ...]
    parameters: tuple[Variable, ...] = ()

    def __post_init__(self) -> None:
        names = [item.name for item in (*self.variables, *self.parameters)]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise CoordinatesError(f"declared twice: {', '.join(twice)}")
        if not self.variables:
            raise CoordinatesError("no variable is declared; a system needs at least one")

    @classmethod
    def declare(
        cls, variables: Iterable[str | Variable], parameters: Iterable[str | Variable] = ()
    ) -> Coordinates:
        """Coordinates from declarations: declare(["q[2]", "p[2]"], ["mass"])."""
        return cls(tuple(map(declared, variables)), tuple(map(declared, parameters)))

    @cached_property
    def symbols(self) -> tuple[sympy.Symbol, ...]:
        """Symbols of all components of all variables: the coordinates of z in order."""
        return tuple(symbol for variable in self.variables for symbol in variable.symbols)

    @cached_property
    def parameter_symbols(self) -> tuple[sympy.Symbol, ...]:
        """Symbols of all components of all parameters."""
        return tuple(symbol for parameter in self.parameters for symbol in parameter.symbols)

    @cached_property
    def named(self) -> dict[str, Variable]:
        """Variables and parameters by name."""
        return {item.name: item for item in (*self.variables, *self.parameters)}

    @property
    def dimension(self) -> int:
        """Number of coordinates of z."""
        return len(self.symbols)

    @cached_property
    def owner(self) -> dict[sympy.Symbol, str]:
        """Name of the variable or parameter that each symbol belongs to."""
        return {symbol: item.name for item in self.named.values() for symbol in item.symbols}

    def names_in(self, symbols: Iterable[sympy.Symbol]) -> frozenset[str]:
        """Names of the variables and parameters that own any of `symbols`."""
        return frozenset(self.owner[symbol] for symbol in symbols if symbol in self.owner)

    def columns(self, arrays: Mapping[str, Any]) -> dict[sympy.Symbol, Any]:
        """Symbol -> its column (systems,) in `arrays`, or the number where one value serves all systems.

        arrays: name -> (systems,) or (systems, size) rows; parameters also a number or (size,) numbers
        """
        found: dict[sympy.Symbol, Any] = {}
        for name, item in self.named.items():
            if name not in arrays:
                continue
            value = arrays[name]
            for index, symbol in enumerate(item.symbols):
                found[symbol] = value if item.size is None else value[..., index]
        return found
