"""Compositions: the coefficients of splitting methods, each with its order and source, by name."""

from __future__ import annotations

from hpcphys.compiler.compositions import nystrom, splittings, symmetric_steps
from hpcphys.compiler.compositions.composition import Composition, Stage

_TABLES = (*symmetric_steps.TABLES, *splittings.TABLES, *nystrom.TABLES)

compositions: dict[str, Composition] = {table.name: table for table in _TABLES}
aliases: dict[str, str] = {
    "strang": "leapfrog",
    "leapfrog_kdk": "leapfrog",
    "forest_ruth": "yoshida4",
    "blanes_moan_rkn6_11b": "blanes_moan_rkn6",
}


def general_compositions() -> list[str]:
    """Names of the compositions that take any number of pieces."""
    return [name for name, table in compositions.items() if table.weights]


def composition_names() -> list[str]:
    """Every name that `composition` accepts, aliases included."""
    return sorted([*compositions, *aliases])


def composition(name: str) -> Composition:
    """The composition of that name. Raises ValueError that lists the allowed names."""
    table = compositions.get(aliases.get(name, name))
    if table is None:
        raise ValueError(f"unknown composition {name!r}; allowed: {', '.join(composition_names())}")
    return table


__all__ = [
    "Composition",
    "Stage",
    "aliases",
    "composition",
    "composition_names",
    "compositions",
    "general_compositions",
]
