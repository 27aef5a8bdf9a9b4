"""Velocity autocorrelation and the diffusion coefficient (Green-Kubo)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hpcphys.decomposition.communicator import Communicator
from hpcphys.physics.observables.displacement import types_of
from hpcphys.physics.observables.lags import Lags
from hpcphys.physics.observables.origins import TimeOrigins
from hpcphys.physics.observables.segments import Measured

EVEN = Lags(points=256, levels=1)


@dataclass(frozen=True)
class Correlation:
    """time (lags,);  value: ⟨v(0)·v(t)⟩ [velocity²] and its error (lags,);  normalised: value/value[0];
    diffusion: running integral D(t) = ⅓∫₀ᵗ⟨v(0)·v(s)⟩ds and diffusion_error (lags,)
    """

    time: np.ndarray
    value: np.ndarray
    error: np.ndarray
    normalised: np.ndarray
    diffusion: np.ndarray
    diffusion_error: np.ndarray


class VelocityAutocorrelation:
    """⟨v_i(t₀)·v_i(t₀ + t)⟩ over atoms i and time origins t₀, and D = ⅓ ∫₀^∞ of it.

    Every sample is a time origin.  By default 256 even lags (24·256 bytes per atom); with Lags(16, 8) they
    grow, and memory does not.
    Source: Rahman (1964), Phys. Rev. 136, A405; Green (1954), J. Chem. Phys. 22, 398; Kubo (1957), J. Phys.
    Soc. Japan 12, 570.
    """

    def __init__(
        self, communicator: Communicator, interval: float, *, lags: Lags = EVEN, types: int = 1,
        reproducible: bool = False, single: bool = False, backend: Any = None,
    ):  # fmt: skip
        """interval: time between samples;  single: origins in single precision"""
        self.origins = TimeOrigins(
            "velocity autocorrelation", communicator, interval, _products, 3, lags=lags, types=types,
            reproducible=reproducible, single=single, backend=backend,
        )  # fmt: skip

    def sample(self, state) -> None:
        """One sample of velocities.  state: id, velocity (n, 3), perhaps type.  Collective."""
        self.origins.sample(state["id"], types_of(state), state["velocity"])

    def result(self, kind: int | None = None) -> Correlation:
        """The correlation at all lags that have an origin, and its running integral (trapezoidal rule)."""
        there = self.origins.segments.totals()["origins"] > 0
        time = self.origins.times[there]
        measured = self.origins.segments.measured(lambda t: self._correlation(t, kind)[there])
        running = self.origins.segments.measured(
            lambda t: running_integral(time, self._correlation(t, kind)[there]) / 3.0
        )
        first = measured.value[:1] if there.any() else np.ones(1)
        return Correlation(
            time, measured.value, measured.error, measured.value / first, running.value, running.error
        )

    def diffusion(self, last: float, kind: int | None = None) -> Measured:
        """D = ⅓ ∫₀^last ⟨v(0)·v(t)⟩ dt, up to the longest lag ≤ last with data [length²/time].

        `last` should lie where the correlation has died away: beyond it there is only noise.
        Raises ValueError when no lag but 0 lies in the window.
        """
        there = (self.origins.segments.totals()["origins"] > 0) & (self.origins.times <= last)
        if there.sum() < 2:
            raise ValueError(
                f"diffusion: no lag with data up to {last:g}; samples are {self.origins.interval:g} apart"
            )
        time = self.origins.times[there]
        return self.origins.segments.measured(
            lambda t: running_integral(time, self._correlation(t, kind)[there])[-1] / 3.0
        )

    def _correlation(self, totals: dict[str, np.ndarray], kind: int | None) -> np.ndarray:
        return self.origins.averages(totals, kind).sum(axis=1)

    def saved(self):
        """All that it remembers."""
        return self.origins.saved()

    def restore(self, saved) -> None:
        """Go on from what `saved` gave.  Collective."""
        self.origins.restore(saved)


def running_integral(time: np.ndarray, value: np.ndarray) -> np.ndarray:
    """∫₀ᵗ value by the trapezoidal rule, 0 at the first time.  time, value: (n,) or (n, k)"""
    width = np.diff(time).reshape(-1, *(1,) * (value.ndim - 1))
    steps = 0.5 * (value[1:] + value[:-1]) * width
    return np.concatenate((np.zeros_like(value[:1]), np.cumsum(steps, axis=0)))


def _products(now: np.ndarray, then: np.ndarray) -> np.ndarray:
    """(…, 3, n): products of each component."""
    return np.multiply(now, then, dtype=np.float64)
