"""Shear viscosity from the fluctuations of the pressure tensor: Green-Kubo, and the Einstein form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hpcphys.physics.observables.lags import Lags
from hpcphys.physics.observables.multi_tau import MultiTau, MultiTauCorrelator
from hpcphys.physics.observables.pressure import SHEAR_WEIGHTS, shear_components
from hpcphys.physics.observables.saved import Saved, require_same
from hpcphys.physics.observables.segments import Measured, Segments
from hpcphys.physics.observables.velocity import running_integral


@dataclass(frozen=True)
class StressCorrelation:
    """time (lags,);  correlation C(t) = ⟨P_xy(0) P_xy(t)⟩ over all components, and its error;
    viscosity: running V/(k_B T)·∫₀ᵗ C ds and its error
    """

    time: np.ndarray
    correlation: np.ndarray
    error: np.ndarray
    viscosity: np.ndarray
    viscosity_error: np.ndarray


class Viscosity:
    """η = V/(k_B T) ∫₀^∞ C(t) dt,  C = ⅒ Σ_ab ⟨P'_ab(0) P'_ab(t)⟩, P' the traceless symmetric part of the
    pressure tensor: all five independent components, of which ⟨P_xy P_xy⟩ is one.

    Einstein form: η = lim V/(2 k_B T) d/dt ⅒ Σ_ab ⟨(∫₀ᵗ P'_ab ds)²⟩, its slope over a window.
    Lags are spaced logarithmically (MultiTau; Lags for the Einstein form).
    Source: Daivis & Evans (1994), J. Chem. Phys. 100, 541, eq. 9; Helfand (1960), Phys. Rev. 119, 1.
    """

    def __init__(
        self, interval: float, volume: float, temperature: float, *, boltzmann: float = 1.0,
        scheme: MultiTau | None = None, lags: Lags | None = None,
    ):  # fmt: skip
        """interval: time between samples, a few steps: C(0) falls within some 0.1 in reduced units
        volume: V (the mean one where it varies);  temperature: T

        Raises ValueError when one of them is not positive.
        """
        if not (interval > 0.0 and volume > 0.0 and temperature > 0.0):
            raise ValueError(
                f"interval {interval}, volume {volume}, temperature {temperature}: all must be positive"
            )
        self.interval, self.volume, self.temperature = float(interval), float(volume), float(temperature)
        self.factor = self.volume / (boltzmann * self.temperature)
        self.correlator = MultiTauCorrelator(6, scheme or MultiTau())
        self.lags = lags or Lags(points=16, levels=12)
        self._integral, self._last = np.zeros(6), np.zeros(6)
        self._past = np.zeros((self.lags.levels, self.lags.points, 6))
        self._samples = 0
        self.segments = Segments({"squares": (self.lags.count,), "origins": (self.lags.count,)})

    def sample(self, pressure: np.ndarray) -> None:
        """One sample of the pressure tensor (3, 3), the same on all ranks; ValueError if not finite."""
        shear = shear_components(np.asarray(pressure, dtype=np.float64))
        if not np.isfinite(shear).all():
            raise ValueError(f"sample {self._samples} of the pressure tensor is not finite: {pressure}")
        self.correlator.add(shear)
        if self._samples:
            self._integral = self._integral + 0.5 * self.interval * (self._last + shear)
        self._last = shear
        squares, origins = self.segments.current("squares"), self.segments.current("origins")
        origins[0] += 1.0
        for level in self.lags.due(self._samples):
            pairs = np.array(list(self.lags.pairs(level, self._samples)), dtype=np.int64).reshape(-1, 2)
            squares[pairs[:, 0]] += (self._integral - self._past[level, pairs[:, 1]]) ** 2 @ SHEAR_WEIGHTS
            origins[pairs[:, 0]] += 1.0
            self._past[level, self.lags.slot(level, self._samples)] = self._integral
        self.segments.advance()
        self._samples += 1

    @property
    def times(self) -> np.ndarray:
        """Lags of the correlation with data, as times."""
        return self.correlator.scheme.values[self.correlator.filled] * self.interval

    def result(self) -> StressCorrelation:
        """The correlation function and the running integral, with errors."""
        time = self.times
        correlation = self.correlator.measured(lambda c: c @ SHEAR_WEIGHTS)
        viscosity = self.correlator.measured(
            lambda c: self.factor * running_integral(time, c @ SHEAR_WEIGHTS)
        )
        return StressCorrelation(time, correlation.value, correlation.error, viscosity.value, viscosity.error)

    def green_kubo(self, last: float) -> Measured:
        """η from the integral up to the longest lag ≤ last; choose it where the running integral is flat.

        Raises ValueError when fewer than two lags lie there.
        """
        time = self.times
        chosen = time <= last
        if chosen.sum() < 2:
            raise ValueError(
                f"green_kubo: no lag with data up to {last:g}; samples are {self.interval:g} apart"
            )
        return self.correlator.measured(
            lambda c: self.factor * running_integral(time[chosen], c[chosen] @ SHEAR_WEIGHTS)[-1]
        )

    def einstein(self, first: float, last: float) -> Measured:
        """η from the slope of the least-squares line of the Helfand moment at first ≤ t ≤ last.

        Raises ValueError when fewer than two lags with data lie in the window.
        """
        time = self.lags.values * self.interval
        chosen = (self.segments.totals()["origins"] > 0) & (time >= first) & (time <= last)
        if chosen.sum() < 2:
            raise ValueError(
                f"einstein: {int(chosen.sum())} lags lie in [{first:g}, {last:g}]; two are needed"
            )
        centred = time[chosen] - time[chosen].mean()
        weights = 0.5 * self.factor * centred / (centred @ centred)
        return self.segments.measured(lambda t: weights @ (t["squares"][chosen] / t["origins"][chosen]))

    def saved(self) -> Saved:
        """All that it remembers."""
        inner = self.correlator.saved()
        numbers = {
            "kind": "viscosity", "interval": self.interval, "volume": self.volume,
            "temperature": self.temperature, "samples": self._samples, "correlator": dict(inner.numbers),
            "lags": [self.lags.points, self.lags.levels, self.lags.spread],
        }  # fmt: skip
        moment = {f"moment.{name}": array for name, array in self.segments.arrays().items()}
        own = {"integral": self._integral, "last": self._last, "moments": self._past.copy()}
        return Saved(numbers, {**inner.arrays, **moment, **own})

    def restore(self, saved: Saved) -> None:
        """Go on from what `saved` gave."""
        require_same(
            "viscosity", saved.numbers, interval=self.interval, volume=self.volume,
            temperature=self.temperature, lags=[self.lags.points, self.lags.levels, self.lags.spread],
        )  # fmt: skip
        self.correlator.restore(Saved(saved.numbers["correlator"], saved.arrays))
        self.segments.restore(
            {
                name.removeprefix("moment."): array
                for name, array in saved.arrays.items()
                if name.startswith("moment.")
            }
        )
        self._integral, self._last, self._past = (
            np.array(saved.arrays[name]) for name in ("integral", "last", "moments")
        )
        self._samples = int(saved.numbers["samples"])
