"""Checks of model parameters: every message says what was found and what is allowed."""

from __future__ import annotations

import math


def positive(**parameters: float) -> None:
    """Raise ValueError unless every named parameter is a finite number > 0."""
    for name, value in parameters.items():
        if not (math.isfinite(value) and value > 0.0):
            raise ValueError(f"{name}: found {value}, allowed are finite numbers > 0")


def within(low: float, high: float, **parameters: float) -> None:
    """Raise ValueError unless every named parameter lies in [low, high] (NaN does not)."""
    for name, value in parameters.items():
        if not low <= value <= high:
            raise ValueError(f"{name}: found {value}, allowed are numbers from {low:g} to {high:g}")
