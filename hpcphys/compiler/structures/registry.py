"""Structures by name, as job files have them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from hpcphys.compiler.expressions.coordinates import Coordinates
from hpcphys.compiler.structures.base import StructureError
from hpcphys.compiler.structures.contact import ContactStructure
from hpcphys.compiler.structures.dissipative import (
    FrictionStructure,
    LangevinStructure,
    OrnsteinUhlenbeckStructure,
)
from hpcphys.compiler.structures.generic import GenericStructure
from hpcphys.compiler.structures.lie_poisson import EuclideanStructure, RotationStructure
from hpcphys.compiler.structures.nose_hoover import NoseHooverStructure
from hpcphys.compiler.structures.poisson import PoissonMatrix, SymbolicCanonical, product
from hpcphys.compiler.structures.quadratic import LotkaVolterraStructure, VortexStructure
from hpcphys.compiler.structures.quantum import QuantumStructure
from hpcphys.compiler.structures.symbolic import SymbolicStructure


def _quantum(coordinates: Coordinates, real: Any, imaginary: Any = None) -> QuantumStructure:
    return QuantumStructure(real, imaginary, coordinates)


def _product(coordinates: Coordinates, factors: Any) -> SymbolicStructure:
    """Each factor is a table: name, variables (names of what it moves), and the options of its structure."""
    if not isinstance(factors, list | tuple) or not all(isinstance(factor, Mapping) for factor in factors):
        raise StructureError(
            'factors of a product: a list of tables is needed: {name = "so3", variables = ["m"]}'
        )
    taken: list[str] = []
    made = []
    for factor in factors:
        options = dict(factor)
        kind, names = options.pop("name", None), list(options.pop("variables", ()))
        unknown = [name for name in names if coordinates.named.get(name) not in coordinates.variables]
        if unknown or not names:
            declared = ", ".join(variable.name for variable in coordinates.variables)
            raise StructureError(
                f"factor {kind!r} of the product moves {', '.join(unknown) or 'nothing'}; "
                f"the variables are {declared}"
            )
        taken += names
        own = tuple(coordinates.named[name] for name in names)
        made.append(structure_named(str(kind), Coordinates(own, coordinates.parameters), options))
    wrong = [v.name for v in coordinates.variables if taken.count(v.name) != 1]
    if wrong:
        raise StructureError(f"each variable belongs to exactly one factor; not so: {', '.join(wrong)}")
    return product(*made)


@dataclass(frozen=True)
class Entry:
    """How one structure is made: `build(coordinates, **options)`, what must be and what may be given."""

    build: Callable[..., SymbolicStructure]
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()


_ENTRIES: dict[str, Entry] = {
    "canonical": Entry(SymbolicCanonical, (), ("pairs",)),
    "so3": Entry(RotationStructure, (), ("momentum",)),
    "se3": Entry(EuclideanStructure, (), ("momentum", "vectors")),
    "poisson": Entry(PoissonMatrix, ("matrix",), ("casimirs", "reversal")),
    "vortices": Entry(VortexStructure, (), ("circulation",)),
    "lotka_volterra": Entry(LotkaVolterraStructure, (), ("matrix",)),
    "quantum": Entry(_quantum, ("real",), ("imaginary",)),
    "contact": Entry(ContactStructure, (), ("pairs", "action")),
    "friction": Entry(FrictionStructure, ("friction",), ("masses", "pairs")),
    "langevin": Entry(LangevinStructure, ("friction", "temperature"), ("masses", "pairs")),
    "ornstein_uhlenbeck": Entry(OrnsteinUhlenbeckStructure, ("friction", "temperature"), ("masses",)),
    "nose_hoover": Entry(
        NoseHooverStructure, ("temperature",), ("length", "chain_masses", "period", "degrees", "pairs")
    ),
    "generic": Entry(GenericStructure, ("L", "M", "energy", "entropy"), ("positive",)),
    "product": Entry(_product, ("factors",)),
}


def structure_names() -> tuple[str, ...]:
    """The names that `structure_named` knows."""
    return tuple(_ENTRIES)


def structure_options(name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The required and the optional options of a structure.  Raises StructureError for an unknown name."""
    if name not in _ENTRIES:
        raise StructureError(
            f"unknown structure {name!r}{_close(name, _ENTRIES)}; allowed: {', '.join(_ENTRIES)}"
        )
    return _ENTRIES[name].required, _ENTRIES[name].optional


def structure_named(
    name: str, coordinates: Coordinates, options: Mapping[str, Any] | None = None
) -> SymbolicStructure:
    """The structure of a name over coordinates; it may add variables of its own (see its .coordinates).

    options: what the structure needs besides the coordinates, as a job file has it; see structure_options and
        the docstring of the class
    A matrix of the user's is verified at once. Raises StructureError for an unknown name or option, a missing
    option, or a structure that is not what it claims; ExpressionError for a text that is no expression.
    """
    required, optional = structure_options(name)
    given = dict(options or {})
    for option in given:
        if option not in required + optional:
            allowed = ", ".join(required + optional) or "none"
            raise StructureError(
                f"structure {name!r}: unknown option {option!r}{_close(option, required + optional)}; "
                f"allowed: {allowed}"
            )
    missing = [option for option in required if option not in given]
    if missing:
        raise StructureError(f"structure {name!r} needs {', '.join(missing)}")
    return _ENTRIES[name].build(coordinates, **given)


def _close(found: str, allowed: Any) -> str:
    close = get_close_matches(found, list(allowed), n=1, cutoff=0.5)
    return f" (did you mean {close[0]!r}?)" if close else ""
