"""Expressions: what a user states as text or function, held in SymPy over named coordinates."""

from __future__ import annotations

from hpcphys.compiler.expressions.coordinates import (
    DT,
    TIME,
    Coordinates,
    CoordinatesError,
    Variable,
    declared,
)

__all__ = ["DT", "TIME", "Coordinates", "CoordinatesError", "Variable", "declared"]
