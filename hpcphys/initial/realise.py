"""From a model's name to this rank's particles, centre of mass at rest at the origin."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from hpcphys.initial.centre import remove_centre_of_mass
from hpcphys.initial.disc import disc
from hpcphys.initial.encounter import encounter
from hpcphys.initial.hernquist import hernquist
from hpcphys.initial.kepler import two_body
from hpcphys.initial.king import king
from hpcphys.initial.nfw import nfw
from hpcphys.initial.plummer import plummer

models: dict[str, Callable[..., dict[str, np.ndarray]]] = {
    "plummer": plummer,
    "hernquist": hernquist,
    "king": king,
    "nfw": nfw,
    "disc": disc,
    "encounter": encounter,
    "two_body": two_body,
}
"""Name in a job file -> function(count, rng_seed, *, first, last, **parameters)."""

NOT_PARAMETERS = ("count", "rng_seed", "first", "last", "communicator")


def parameters(model: str) -> dict[str, Any]:
    """The parameters of a model and their defaults, without count, seed and row range.

    Raises ValueError for an unknown model.
    """
    if model not in models:
        raise ValueError(f"model: found '{model}', allowed are {', '.join(sorted(models))}")
    signature = inspect.signature(models[model])
    return {name: p.default for name, p in signature.parameters.items() if name not in NOT_PARAMETERS}


def realisation(model: str, count: int, rng_seed: int, communicator, **chosen: Any) -> dict[str, np.ndarray]:
    """This rank's even share of `count` particles of a model, Σ m r = Σ m v = 0 over all ranks.

    model: a key of `models`;  communicator: anything with rank, size and sum_reproducible
    chosen: the model's own parameters
    Returns position (n, 3), velocity (n, 3), mass (n,), id (n,), perhaps type (n,).
    The particles are the same for every rank count (bit for bit, since the centre of mass is an exact sum).
    Raises ValueError for an unknown model or parameter (with a suggestion), or a value out of range.
    """
    known = parameters(model)
    for name in chosen:
        if name not in known:
            close = difflib.get_close_matches(name, known, 1)
            hint = f"; did you mean '{close[0]}'?" if close else ""
            raise ValueError(
                f"{name}: model '{model}' has no such parameter{hint} (it has {', '.join(known)})"
            )
    first = count * communicator.rank // communicator.size
    last = count * (communicator.rank + 1) // communicator.size
    if "communicator" in inspect.signature(models[model]).parameters:
        chosen = {**chosen, "communicator": communicator}
    arrays = models[model](count, rng_seed, first=first, last=last, **chosen)
    remove_centre_of_mass(arrays, communicator)
    return arrays
