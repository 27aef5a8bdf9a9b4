"""What is watched while a run goes on: conserved quantities against their start, and numbers that are
none."""

from __future__ import annotations

import math

import numpy as np

from hpcphys.run.bad_rows import first_bad_row
from hpcphys.run.errors import RunError

WRITTEN_BY = {"acceleration": "the force field", "velocity": "kick", "position": "drift"}
"""Arrays in the order in which a bad number spreads, and the piece that writes each."""


class Watch:
    """Errors of conserved quantities, relative to the start of the run.

    energy_limit: largest allowed |E - E0|/|E0|, or None.
    `memory` goes into checkpoints, so that a resumed run measures against the same start.
    """

    def __init__(self, energy_limit: float | None, memory: dict | None = None) -> None:
        self.energy_limit = energy_limit
        self.memory: dict = (
            memory if memory is not None else {"energy_error_max": 0.0, "momentum_error_max": 0.0}
        )

    def errors(self, row: dict) -> dict[str, float]:
        """Relative errors of a row of diagnostics; the first row becomes the reference.

        energy_error    (E - E0)/|E0|
        momentum_error  |P - P0|/Σ m|v|
        angular_momentum_error  |L - L0|/|L0|, or |L - L0| where L0 = 0
        """
        memory = self.memory
        if "energy" not in memory:
            memory["energy"] = float(row["energy"])
            memory["momentum"] = np.asarray(row["momentum"]).tolist()
            memory["angular_momentum"] = np.asarray(row["angular_momentum"]).tolist()
        scale = float(row["momentum_scale"]) or 1.0
        spin = float(np.linalg.norm(memory["angular_momentum"])) or 1.0
        errors = {
            "energy_error": (float(row["energy"]) - memory["energy"]) / (abs(memory["energy"]) or 1.0),
            "momentum_error": float(np.linalg.norm(row["momentum"] - np.array(memory["momentum"]))) / scale,
            "angular_momentum_error": float(
                np.linalg.norm(row["angular_momentum"] - np.array(memory["angular_momentum"]))
            )
            / spin,
        }
        memory["energy_error_max"] = max(memory["energy_error_max"], abs(errors["energy_error"]))
        memory["momentum_error_max"] = max(memory["momentum_error_max"], errors["momentum_error"])
        return errors

    def energy_failure(self, error: float, step: int, time: float) -> str:
        """Why the run has failed by its energy, or "" if it has not."""
        if math.isnan(error):
            return f"the energy is not a number after step {step} at time {time:g}"
        if self.energy_limit is not None and abs(error) > self.energy_limit:
            return (
                f"the energy error {error:.3e} after step {step} at time {time:g} is beyond "
                f"[limits] energy_error = {self.energy_limit:g}; use a shorter step or a more exact force"
            )
        return ""


def is_finite(state, xp) -> bool:
    """Whether this rank's velocities are all numbers: one bad force shows there at once, one sum finds it."""
    return bool(xp.isfinite(xp.sum(state["velocity"])))


def raise_not_finite(state, backend, communicator) -> None:
    """Raise RunError on all ranks, naming the first array, rank and particle with a number that is none;
    collective."""
    bad = first_bad_row(state, WRITTEN_BY, backend, communicator)
    if bad is not None:
        raise RunError(
            f"the {bad.array} of particle {bad.identity} on rank {bad.rank} is {bad.values} after step "
            f"{state.step} at time {state.time:g}; it was written by {WRITTEN_BY[bad.array]}.  No checkpoint "
            "of this state is written.  Use a shorter step or a longer softening"
        )
    raise RunError(f"velocities overflow after step {state.step} at time {state.time:g}")


def raise_energy_failure(reason: str, state, backend, communicator) -> None:
    """Raise RunError on all ranks with the particle of the largest acceleration, where to look first;
    collective."""
    acceleration = backend.host(state["acceleration"]).astype(np.float64)
    squared = np.einsum("ij,ij->i", acceleration, acceleration)
    if squared.size:
        worst = int(np.argmax(squared))
        mine = (float(squared[worst]), communicator.rank, int(backend.host(state["id"])[worst]))
    else:
        mine = (-1.0, communicator.rank, -1)
    largest, rank, particle = max(communicator.allgather(mine))
    raise RunError(
        f"{reason}.  The largest acceleration, {math.sqrt(max(largest, 0.0)):.3e}, is that of particle "
        f"{particle} on rank {rank} (piece: kick).  No checkpoint of this state is written"
    )
