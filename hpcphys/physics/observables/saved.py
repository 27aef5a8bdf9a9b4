"""What an observable remembers between samples, in a form that a checkpoint can hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Saved:
    """The whole memory of an observable: restored from it, it goes on bit for bit.

    numbers: what JSON can hold, the same on all ranks
    arrays: name -> array, the same on all ranks
    rows: name -> this rank's rows, in the order of ids over the ranks (an "id" among them), or nothing;
        they may be handed back in any distribution over any number of ranks
    """

    numbers: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)
    rows: Mapping[str, np.ndarray] = field(default_factory=dict)


def require_same(kind: str, numbers: Mapping[str, Any], **own: Any) -> None:
    """Raise ValueError unless a memory was saved by an observable of this kind and these parameters."""
    for name, value in {"kind": kind, **own}.items():
        if numbers.get(name) != value:
            raise ValueError(
                f"the saved {numbers.get('kind', 'observable')} has {name} = {numbers.get(name)!r}; this one "
                f"has {value!r}: give the observable the parameters with which it was saved"
            )
