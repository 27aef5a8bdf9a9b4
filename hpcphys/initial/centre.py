"""The frame in which the centre of mass rests at the origin."""

from __future__ import annotations

import numpy as np


def remove_centre_of_mass(arrays: dict[str, np.ndarray], communicator=None) -> None:
    """r ← r − Σmr/Σm,  v ← v − Σmv/Σm, in place, with sums over the rows of all ranks.

    arrays: position (n, 3), velocity (n, 3), mass (n,) of this rank's rows;  communicator: None for one rank
    With a communicator the sums are exact: independent of order and rank count (sum_reproducible).
    """
    mass = arrays["mass"]
    total_mass = sum_over_ranks(mass, communicator)
    # Column by column: the largest temporary is one number per particle.
    for name in ("position", "velocity"):
        for column in arrays[name].T:
            column -= sum_over_ranks(mass * column, communicator) / total_mass


def sum_over_ranks(rows: np.ndarray, communicator=None):
    """Σ over the rows (n,) of all ranks; with a communicator exact in any order, without one of this rank."""
    return rows.sum() if communicator is None else communicator.sum_reproducible(rows)
