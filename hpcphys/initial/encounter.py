"""Two galaxies on a Kepler orbit about each other."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from hpcphys.initial.blocks import row_range
from hpcphys.initial.centre import remove_centre_of_mass, sum_over_ranks
from hpcphys.initial.disc import disc
from hpcphys.initial.hernquist import hernquist
from hpcphys.initial.kepler import relative_orbit
from hpcphys.initial.king import king
from hpcphys.initial.nfw import nfw
from hpcphys.initial.parameters import positive
from hpcphys.initial.plummer import plummer

GALAXIES: dict[str, Callable[..., dict[str, np.ndarray]]] = {
    "plummer": plummer,
    "hernquist": hernquist,
    "king": king,
    "nfw": nfw,
    "disc": disc,
}
"""Models that can meet."""

ORIENTATION = {"inclination": 0.0, "node": 0.0}
SECOND_SEED = 0x9E3779B97F4A7C15  # turned into the second galaxy's seed: two equal models must not be twins


def encounter(
    count: int,
    rng_seed: int,
    *,
    first: int = 0,
    last: int | None = None,
    primary: dict[str, Any] | None = None,
    secondary: dict[str, Any] | None = None,
    primary_share: float | None = None,
    pericentre: float = 1.0,
    eccentricity: float = 1.0,
    separation: float = 10.0,
    G: float = 1.0,
    communicator=None,
) -> dict[str, np.ndarray]:
    """Rows of the primary, then of the secondary, each its own model, put on the orbit of two point masses.

    primary, secondary: {"model": name, its parameters, "inclination", "node" in degrees}; each galaxy is
      turned by its inclination about x and then by its node about z; without it a Plummer sphere of mass 1
    primary_share: of the particle number; None gives all particles the same mass, as far as the models do
    pericentre, separation (at the start, on the way in) [length];  eccentricity: 1 is a parabola
    communicator: for the centres of mass of the galaxies; None when [first, last) are all rows
    Returns position (n, 3), velocity (n, 3), mass (n,), id (n,), type (n,) int8; the common centre of mass
    rests at the origin, the orbit lies in the plane z = 0, its pericentre on the x axis.
    Raises ValueError for a parameter out of its range, an unknown model or parameter of it, or an orbit that
    never has this separation.
    """
    positive(G=G)
    first, last = row_range(count, first, last)
    galaxies = [_galaxy(name, given) for name, given in (("primary", primary), ("secondary", secondary))]
    masses = [float(parameters.get("mass", 1.0)) for _, parameters, _ in galaxies]
    share = masses[0] / sum(masses) if primary_share is None else primary_share
    in_primary = round(share * count)
    if not 0 < in_primary < count:
        raise ValueError(
            f"primary_share: {share:g} of {count} particles leaves one galaxy empty; both need at least one"
        )
    counts = (in_primary, count - in_primary)
    parts, drawn, start = [], [], 0
    for index, (model, parameters, angles) in enumerate(galaxies):
        low, high = (min(max(edge - start, 0), counts[index]) for edge in (first, last))
        seed = rng_seed ^ (index * SECOND_SEED)
        part = GALAXIES[model](counts[index], seed, first=low, last=high, **{"G": G, **parameters})
        remove_centre_of_mass(part, communicator)
        turn = _rotation(**angles)
        part["position"] = part["position"] @ turn.T
        part["velocity"] = part["velocity"] @ turn.T
        part.setdefault("type", np.ones(high - low, dtype=np.int8))
        parts.append(part)
        drawn.append(float(sum_over_ranks(part["mass"], communicator)))
        start += counts[index]
    distance, velocity = relative_orbit(G * sum(drawn), pericentre, eccentricity, separation)
    for part, lever in zip(parts, (-drawn[1] / sum(drawn), drawn[0] / sum(drawn)), strict=True):
        part["position"] += lever * distance
        part["velocity"] += lever * velocity
    arrays = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    arrays["id"] = np.arange(first, last, dtype=np.int64)
    return arrays


def _galaxy(name: str, given: dict[str, Any] | None) -> tuple[str, dict[str, Any], dict[str, float]]:
    """Model, its parameters and its angles from the table `given`."""
    chosen = dict(given or {"model": "plummer"})
    model = chosen.pop("model", None)
    if model not in GALAXIES:
        raise ValueError(f"{name}.model: found {model!r}, allowed are {', '.join(GALAXIES)}")
    angles = {key: float(chosen.pop(key, default)) for key, default in ORIENTATION.items()}
    signature = inspect.signature(GALAXIES[model]).parameters
    for key in chosen:
        if key not in signature or key in ("count", "rng_seed", "first", "last"):
            raise ValueError(f"{name}.{key}: model '{model}' has no such parameter")
    return model, chosen, angles


def _rotation(inclination: float, node: float) -> np.ndarray:
    """R_z(node) R_x(inclination), degrees; (3, 3)."""
    i, n = np.radians(inclination), np.radians(node)
    about_x = np.array([[1, 0, 0], [0, np.cos(i), -np.sin(i)], [0, np.sin(i), np.cos(i)]])
    about_z = np.array([[np.cos(n), -np.sin(n), 0], [np.sin(n), np.cos(n), 0], [0, 0, 1]])
    return about_z @ about_x
