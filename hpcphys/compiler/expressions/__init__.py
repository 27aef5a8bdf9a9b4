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
from hpcphys.compiler.expressions.derivatives import gradient, hessian
from hpcphys.compiler.expressions.errors import ExpressionError
from hpcphys.compiler.expressions.grammar import parse
from hpcphys.compiler.expressions.tracing import trace

__all__ = [
    "DT",
    "TIME",
    "Coordinates",
    "CoordinatesError",
    "ExpressionError",
    "Variable",
    "declared",
    "gradient",
    "hessian",
    "parse",
    "trace",
]
