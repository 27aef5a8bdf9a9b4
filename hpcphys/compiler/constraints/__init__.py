"""Constraints g(q) = 0: of expression systems, and of bonds and angles between particles."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from hpcphys.compiler.constraints.errors import ConstraintError

if TYPE_CHECKING:
    from hpcphys.compiler.constraints.bonds import BondConstraints
    from hpcphys.compiler.constraints.holonomic import HolonomicConstraints, constrained

_MODULES = {"BondConstraints": "bonds", "HolonomicConstraints": "holonomic", "constrained": "holonomic"}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


__all__ = ["BondConstraints", "ConstraintError", "HolonomicConstraints", "constrained"]
