"""Initial vorticity on the periodic square: each model makes what one rank owns, the same flow for any ranks.

Two forms. Spectral models give the amplitudes of this rank's columns, a function of the wavenumber alone, so
that the flow is the same at every resolution; physical ones give ω at this rank's rows of the grid, for the
engine to transform.

    SPECTRAL[name](grid, **parameters) -> ω̂ (columns, 2K + 1) complex128
    PHYSICAL[name](x, y, length, **parameters) -> ω (rows, n) float64;   x: (n,), y: (rows, 1)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hpcphys.initial.vorticity.classical import lamb_dipole, shear_layer
from hpcphys.initial.vorticity.modes import eigenmode, random, rest, taylor_green, vortices

SPECTRAL: dict[str, Callable[..., Any]] = {
    "taylor_green": taylor_green,
    "eigenmode": eigenmode,
    "random": random,
    "vortices": vortices,
    "rest": rest,
}
PHYSICAL: dict[str, Callable[..., Any]] = {"lamb_dipole": lamb_dipole, "shear_layer": shear_layer}

__all__ = ["PHYSICAL", "SPECTRAL"]
