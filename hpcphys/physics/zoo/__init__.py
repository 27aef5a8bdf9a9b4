"""A zoo of systems: one short module for each, in the words of a job file.

Each module has a function of its own name, whose arguments are the parameters of the system and which returns
a ZooSystem.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from hpcphys.physics.zoo.system import Series, ZooSystem

NAMES = (
    "contact_oscillator", "damped_oscillator", "double_pendulum", "double_well", "driven_oscillator", "fput",
    "harmonic_chain", "heavy_top", "henon_heiles", "kepler", "lotka_volterra", "nose_hoover_oscillator",
    "point_vortices", "qubit", "rigid_body", "satellite", "spin_chain", "three_bodies", "toda",
)  # fmt: skip
"""Names of the systems."""


class ZooError(ValueError):
    """No such system, or a parameter that it does not have; the message says what is allowed."""


def zoo_system(name: str, parameters: Mapping[str, Any] | None = None) -> ZooSystem:
    """The system of a name.

    parameters: those that differ from its defaults; a text is an expression of the index of a system in its
        batch and stays one.  Raises ZooError.
    """
    if name not in NAMES:
        raise ZooError(f"found {name!r}{_close(name, NAMES)}; the zoo has {', '.join(NAMES)}")
    maker = getattr(import_module(f"{__name__}.{name}"), name)
    known = inspect.signature(maker).parameters
    for key in parameters or {}:
        if key not in known:
            raise ZooError(
                f"{name} has no parameter {key!r}{_close(key, tuple(known))}; it has {', '.join(known)}"
            )
    try:
        return maker(**(parameters or {}))
    except (TypeError, ValueError) as problem:
        raise ZooError(f"{name}: {problem}") from problem


def _close(found: str, allowed: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(found, allowed, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""


__all__ = ["NAMES", "Series", "ZooError", "ZooSystem", "zoo_system"]
