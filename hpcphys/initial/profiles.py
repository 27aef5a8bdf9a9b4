"""Densities of the spherical models, for comparison with a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hpcphys.initial.hernquist import hernquist_density
from hpcphys.initial.king import king_density, king_profile
from hpcphys.initial.nfw import EDGE, nfw_density
from hpcphys.initial.plummer import HENON_SCALE_RADIUS
from hpcphys.initial.spherical import enclosed_mass, radius_grid


def analytic_density(model: str, radius: np.ndarray, parameters: Mapping[str, Any]) -> np.ndarray | None:
    """ρ(r) of the model with these parameters (defaults for what is not there); None for a model without one.

    radius: (n,) [length];  returns (n,) [mass/length³]
    """
    mass = float(parameters.get("mass", 1.0))
    length = float(parameters.get("scale_radius", HENON_SCALE_RADIUS if model == "plummer" else 1.0))
    if model == "plummer":
        return 3.0 * mass / (4.0 * np.pi * length**3) * (1.0 + (radius / length) ** 2) ** -2.5
    if model == "hernquist":
        return hernquist_density(radius, mass, length)
    if model == "king":
        x, potential = king_profile(float(parameters.get("w0", 6.0)))
        shape = king_density(potential)
        unit = mass / (enclosed_mass(x, shape)[-1] * length**3)
        return unit * np.interp(radius / length, x, shape, right=0.0)
    if model == "nfw":
        concentration = float(parameters.get("concentration", 10.0))
        grid = radius_grid(1e-6 * length, EDGE * concentration * length)
        total = enclosed_mass(grid, nfw_density(grid, length, concentration))[-1]
        inside = np.minimum(radius, grid[-1])
        return mass / total * nfw_density(inside, length, concentration) * (radius <= grid[-1])
    return None
