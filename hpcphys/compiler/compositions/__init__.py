"""Compositions: the coefficients of splitting methods, each with its order and source, by name."""

from __future__ import annotations

from collections.abc import Sequence

from hpcphys.compiler.compositions import force_gradient, langevin, nystrom, splittings, symmetric_steps
from hpcphys.compiler.compositions.composition import Composition, Stage
from hpcphys.compiler.compositions.multiple_steps import nested, respa

_TABLES = (
    *symmetric_steps.TABLES,
    *splittings.TABLES,
    *nystrom.TABLES,
    *force_gradient.TABLES,
    *langevin.TABLES,
    respa(),
)

compositions: dict[str, Composition] = {table.name: table for table in _TABLES}
aliases: dict[str, str] = {
    "strang": "leapfrog",
    "leapfrog_kdk": "leapfrog",
    "forest_ruth": "yoshida4",
    "blanes_moan_rkn6_11b": "blanes_moan_rkn6",
    "omelyan2": "mclachlan2",
    "vv_middle": "baoab",
    "lf_middle": "gsd",
    "pv_middle": "aboba",
}


def general_compositions() -> list[str]:
    """Names of the compositions that take any number of pieces."""
    return [name for name, table in compositions.items() if table.weights]


def _fits(table: Composition, roles: Sequence[str], gradient: bool) -> bool:
    try:
        stages = table.stages(roles)
    except ValueError:
        return False
    return gradient or not any(stage.gradient for stage in stages)


def composition_names(roles: Sequence[str] | None = None, *, gradient: bool = True) -> list[str]:
    """Every name that `composition` accepts, aliases included.

    roles: only those that fit pieces of these roles, ("A", "B") for a drift and a kick
    gradient: False leaves out those that need a force gradient
    """
    names = sorted([*compositions, *aliases])
    return names if roles is None else [name for name in names if _fits(composition(name), roles, gradient)]


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
    "nested",
    "respa",
]
