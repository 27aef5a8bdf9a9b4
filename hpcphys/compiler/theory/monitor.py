"""Measured against predicted: a monitor takes the series of conserved quantities and says where they part.

The trend of a series is the slope of a straight line through the means of equal blocks.  Within a block the
values of an oscillation are correlated, between blocks hardly, so that the scatter of the means about the
line is an honest error of the slope.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from hpcphys.compiler.theory.predictions import Prediction

BLOCKS = 16
SIGNIFICANT = 5.0
"""A trend is one if it is more than so many of its errors."""

FACTOR = 10.0
"""An error is too large if it is more than so many times the predicted one."""


@dataclass(frozen=True)
class Finding:
    """One quantity of a run: what was measured, what theory says, and a warning where they part.

    largest: largest |Q - Q(0)|;  predicted: what `Prediction.size` expects, or None
    trend, trend_error: slope of Q and its error [Q/time]
    growth: "random walk", "bias" or "" : how the rounding errors of an exact quantity grew
    warning: one line, or ""
    """

    prediction: Prediction
    largest: float
    predicted: float | None
    trend: float
    trend_error: float
    growth: str
    warning: str

    def describe(self) -> str:
        """One line of a report."""
        expected = "no prediction" if self.predicted is None else f"predicted {self.predicted:.1e}"
        trend = f"trend {self.trend:+.1e} ± {self.trend_error:.1e} per time"
        tail = self.warning or self.growth or "as predicted"
        return f"{self.prediction.quantity}: largest error {self.largest:.1e}, {expected}; {trend}; {tail}"


def trend_of(time: np.ndarray, values: np.ndarray, blocks: int = BLOCKS) -> tuple[float, float]:
    """(slope, its standard error) of a straight line through the means of `blocks` equal parts of a series.

    Returns an infinite error for fewer than 4 values.
    """
    parts = min(blocks, len(values))
    if parts < 4:
        return 0.0, float("inf")
    length = len(values) // parts
    x = time[: parts * length].reshape(parts, length).mean(axis=1)
    y = values[: parts * length].reshape(parts, length).mean(axis=1)
    x = x - x.mean()
    spread = float(x @ x)
    slope = float(x @ (y - y.mean())) / spread
    rest = y - y.mean() - slope * x
    return slope, float(np.sqrt((rest @ rest) / (parts - 2) / spread))


class ConservationMonitor:
    """Takes measured values of the predicted quantities as a run goes on, and reports where they part.

    predictions: of the program;  dt: its step [time]
    Values of batches are judged by the system that departs most.
    """

    def __init__(self, predictions: Iterable[Prediction], dt: float):
        self.predictions = {prediction.quantity: prediction for prediction in predictions}
        self.dt = dt
        self._time: list[float] = []
        self._values: dict[str, list[np.ndarray]] = {name: [] for name in self.predictions}

    def record(self, time: float, **values: float | np.ndarray) -> None:
        """The value of each predicted quantity at a time.

        Raises ValueError for a quantity that is not predicted, and for one that is missing.
        """
        unknown = sorted(set(values) ^ set(self.predictions))
        if unknown:
            raise ValueError(
                f"record needs exactly the predicted quantities {', '.join(self.predictions)}; wrong or "
                f"missing: {', '.join(unknown)}"
            )
        self._time.append(float(time))
        for name, value in values.items():
            self._values[name].append(np.ravel(np.asarray(value, dtype=np.float64)))

    def findings(self) -> tuple[Finding, ...]:
        """What was measured of every quantity against what was predicted.  Raises ValueError for 1 record."""
        if len(self._time) < 2:
            raise ValueError(f"{len(self._time)} record; at least 2 are needed to compare")
        return tuple(self._finding(prediction) for prediction in self.predictions.values())

    def warnings(self) -> list[str]:
        """One line for each quantity whose run parts from theory; empty when all is well."""
        return [finding.warning for finding in self.findings() if finding.warning]

    def report(self) -> str:
        """One line per quantity: measured, predicted, trend and its error, verdict."""
        return "\n".join(finding.describe() for finding in self.findings())

    def _finding(self, prediction: Prediction) -> Finding:
        time = np.array(self._time)
        values = np.array(self._values[prediction.quantity])
        departures = values - values[0]
        worst = int(np.argmax(np.abs(departures).max(axis=0)))
        series = departures[:, worst]
        largest = float(np.abs(series).max()) if np.all(np.isfinite(series)) else float("inf")
        slope, error = trend_of(time, series)
        steps = abs(time[-1] - time[0]) / abs(self.dt)
        predicted = prediction.size(self.dt, steps)
        growth = ""
        if prediction.law == "exact" and largest > 0.0:
            growth = "random walk" if largest <= FACTOR * prediction.random_walk(steps) else "bias"
        warning = self._warning(prediction, largest, predicted, slope, error, time, steps)
        return Finding(prediction, largest, predicted, slope, error, growth, warning)

    @staticmethod
    def _warning(
        prediction: Prediction,
        largest: float,
        predicted: float | None,
        slope: float,
        error: float,
        time: np.ndarray,
        steps: float,
    ) -> str:
        name, rounding = prediction.quantity, prediction.bias(steps)
        if prediction.law == "drift":
            return ""
        if prediction.law == "exact":
            if largest <= FACTOR * rounding:
                return ""
            return (
                f"{name} should be exact to rounding and has changed by {largest:.1e}, more than rounding "
                f"errors of one sign can ({rounding:.1e}): a flow does not keep it"
            )
        change = abs(slope) * abs(time[-1] - time[0])
        # A trend counts once it is sure, has left the oscillation behind, and is beyond rounding.
        if change > SIGNIFICANT * error * abs(time[-1] - time[0]) and change > max(rounding, 0.5 * largest):
            return (
                f"{name} drifts by {slope:+.1e} ± {error:.1e} per time, and theory says that it only "
                "oscillates: the step is too long for this motion, or a flow is not symplectic"
            )
        if predicted is not None and largest > FACTOR * predicted + rounding:
            return (
                f"{name} errs by {largest:.1e}, {largest / predicted:.0f} times the predicted "
                f"{predicted:.1e}: the motion has become faster than at the start; shorten the step"
            )
        return ""
