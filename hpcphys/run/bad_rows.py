"""Rows of a state's arrays that hold a number that is none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class BadRow:
    """array: its name;  rank: whose row it is;  identity: the row's id;  values: of the row, as text"""

    array: str
    rank: int
    identity: int
    values: str


def first_bad_row(state: Any, names: Iterable[str], backend: Any, communicator: Any) -> BadRow | None:
    """The first row with a NaN or an infinity in the first of the arrays (rows, components) that has one, the
    same on all ranks; None where all numbers are finite.  Collective.

    names: in the order in which a bad number spreads; arrays that the state does not hold are passed over
    """
    names = list(names)
    everyone = communicator.allgather(_own(state, names, backend, communicator.rank))
    found = [bad for bad in everyone if bad is not None]
    return min(found, key=lambda bad: (names.index(bad.array), bad.rank), default=None)


def _own(state: Any, names: list[str], backend: Any, rank: int) -> BadRow | None:
    for name in names:
        if name not in state:
            continue
        array = backend.host(state[name])
        bad = ~np.isfinite(array).all(axis=1)
        if bad.any():
            row = int(np.argmax(bad))
            return BadRow(name, rank, int(backend.host(state["id"])[row]), np.array2string(array[row]))
    return None
