"""Mean square displacement and the diffusion coefficient (Einstein)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from hpcphys.decomposition.communicator import Communicator
from hpcphys.physics.observables.geometry import unwrapped
from hpcphys.physics.observables.lags import Lags
from hpcphys.physics.observables.origins import TimeOrigins
from hpcphys.physics.observables.segments import Measured

CUBIC = 2.837297
"""ξ of a cubic box: minus the Madelung-like sum of its periodic images."""


@dataclass(frozen=True)
class Displacement:
    """time (lags,);  msd: ⟨|r(t) - r(0)|²⟩ and its error (lags,);  axes: ⟨Δx²⟩, ⟨Δy²⟩, ⟨Δz²⟩ (lags, 3);
    non_gaussian: α₂ = 3⟨Δr⁴⟩/(5⟨Δr²⟩²) - 1 (lags,), 0 for a Gaussian
    """

    time: np.ndarray
    msd: np.ndarray
    error: np.ndarray
    axes: np.ndarray
    non_gaussian: np.ndarray


class MeanSquareDisplacement:
    """⟨|r_i(t₀ + t) - r_i(t₀)|²⟩ over atoms i and time origins t₀, from unwrapped positions.

    Lags follow `Lags`.  D = lim ⟨Δr²⟩/(6t) is the slope of a least-squares line over a chosen window.
    Source: Allen & Tildesley (2017), Computer Simulation of Liquids, 2nd ed., sec. 2.7, 8.3.
    """

    def __init__(
        self, communicator: Communicator, interval: float, *, lags: Lags | None = None, types: int = 1,
        remove_drift: bool = False, reproducible: bool = False, single: bool = False, backend: Any = None,
    ):  # fmt: skip
        """interval: time between samples;  types: number of types of atoms
        remove_drift: displacements are taken against the mean position of all atoms of equal weight
        reproducible: the same bits on any number of ranks;  single: origins in single precision
        backend: where the arrays of the state are; without it, on the host
        """
        self.communicator, self.remove_drift = communicator, remove_drift
        self.origins = TimeOrigins(
            "mean square displacement", communicator, interval, _squares, 4, lags=lags or Lags(),
            types=types, reproducible=reproducible, single=single, backend=backend,
        )  # fmt: skip

    def sample(self, state, box) -> None:
        """One sample: unwrapped positions are position + image·vectors.  Collective.

        state: id, position (n, 3), image (n, 3), perhaps type;  box: its vectors (3, 3)
        """
        host = self.origins.host
        place = unwrapped(host(state["position"]), host(state["image"]), np.asarray(box.vectors))
        if self.remove_drift:
            rows = np.concatenate((np.ones((len(place), 1)), place), axis=1)
            total = (
                self.communicator.sum_reproducible(rows)
                if self.origins.reproducible
                else self.communicator.allreduce(rows.sum(axis=0))
            )
            place -= total[1:] / total[0]
        self.origins.sample(state["id"], types_of(state), place)

    def result(self, kind: int | None = None) -> Displacement:
        """All lags that have an origin; of one type of atoms, or of all."""
        measured = self.origins.segments.measured(lambda t: self.origins.averages(t, kind)[:, :3].sum(axis=1))
        means = self.origins.averages(self.origins.segments.totals(), kind)
        there = np.isfinite(measured.value)
        msd, fourth = measured.value[there], means[there, 3]
        with np.errstate(invalid="ignore", divide="ignore"):
            alpha = np.where(msd > 0.0, 0.6 * fourth / msd**2 - 1.0, 0.0)
        return Displacement(self.origins.times[there], msd, measured.error[there], means[there, :3], alpha)

    def diffusion(self, first: float, last: float, kind: int | None = None) -> Measured:
        """D = slope/6 of the least-squares line through ⟨Δr²⟩ at first ≤ t ≤ last [length²/time].

        Choose `first` behind the ballistic part and `last` where origins are still many.
        Raises ValueError when fewer than two lags with data lie in the window.
        """
        time = self.origins.times
        there = self.origins.segments.totals()["origins"] > 0
        chosen = there & (time >= first) & (time <= last)
        if chosen.sum() < 2:
            longest = time[there].max() if there.any() else 0.0
            raise ValueError(
                f"diffusion: {int(chosen.sum())} lags lie in [{first:g}, {last:g}]; two are needed, and lags "
                f"with data reach {longest:g}"
            )
        centred = time[chosen] - time[chosen].mean()
        weights = centred / (centred @ centred) / 6.0
        return self.origins.segments.measured(
            lambda t: weights @ self.origins.averages(t, kind)[chosen, :3].sum(axis=1)
        )

    def saved(self):
        """All that it remembers."""
        return self.origins.saved()

    def restore(self, saved) -> None:
        """Go on from what `saved` gave.  Collective."""
        self.origins.restore(saved)


def yeh_hummer(temperature: float, viscosity: float, length: float, boltzmann: float = 1.0) -> float:
    """ξ k_B T/(6π η L): what a periodic cubic box of side L takes from D, to be added to it.

    temperature: T;  viscosity: η [mass/(length·time)];  length: L.  ξ = 2.837297.  For other shapes it is an
    estimate with L = V^(1/3).
    Source: Yeh & Hummer (2004), J. Phys. Chem. B 108, 15873, eq. 12; Dünweg & Kremer (1993), J. Chem. Phys.
    99, 6983.
    """
    if not (viscosity > 0.0 and length > 0.0 and temperature >= 0.0):
        raise ValueError(
            f"viscosity {viscosity}, length {length}, temperature {temperature}: needed are positive numbers"
        )
    return CUBIC * boltzmann * temperature / (6.0 * math.pi * viscosity * length)


def types_of(state) -> np.ndarray:
    """The types of this rank's atoms; 0 where the state has none."""
    return state["type"] if "type" in state else np.zeros(len(state["id"]), np.int32)


def _squares(now: np.ndarray, then: np.ndarray) -> np.ndarray:
    """(…, 4, n): Δx², Δy², Δz², Δr⁴ of each atom."""
    terms = np.empty((*then.shape[:-2], 4, then.shape[-1]))
    np.square(now - then, out=terms[..., :3, :])
    np.square(terms[..., :3, :].sum(axis=-2), out=terms[..., 3, :])
    return terms
