"""What a program should conserve, and how well: predictions, the monitor that compares, shadow energies."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from hpcphys.compiler.theory.monitor import ConservationMonitor, Finding
from hpcphys.compiler.theory.predictions import Prediction, predictions

if TYPE_CHECKING:
    from hpcphys.compiler.theory.shadow import (
        ShadowError,
        shadow_coefficients,
        shadow_energies,
        shadow_energy,
    )

_SHADOW = ("ShadowError", "shadow_coefficients", "shadow_energies", "shadow_energy")


def __getattr__(name: str) -> Any:
    if name not in _SHADOW:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.shadow"), name)


__all__ = [
    "ConservationMonitor",
    "Finding",
    "Prediction",
    "ShadowError",
    "predictions",
    "shadow_coefficients",
    "shadow_energies",
    "shadow_energy",
]
