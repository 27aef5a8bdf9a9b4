"""Rate against error: a scan over the tolerance, and settings found on it for a wanted error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from scaling.distributions import Arrays
from scaling.exact_field import ExactSample
from scaling.force import Evaluation, evaluation

TOLERANCES = (0.08, 0.04, 0.02, 0.01, 0.005, 0.0025, 0.00125, 0.0006)


@dataclass(frozen=True)
class Curve:
    """Evaluations of one distribution at falling tolerances."""

    tolerances: tuple[float, ...]
    found: tuple[Evaluation, ...]

    @classmethod
    def of(
        cls,
        arrays: Arrays,
        sample: ExactSample,
        repeats: int,
        tolerances: tuple[float, ...] = TOLERANCES,
        **settings: Any,
    ) -> Curve:
        """Measure the curve.  settings: as for `evaluation`."""
        found = tuple(
            evaluation(arrays, sample, repeats, tolerance=tolerance, **settings) for tolerance in tolerances
        )
        return cls(tuple(tolerances), found)

    def tolerance_for(self, median: float, worst: float) -> float | None:
        """The largest tolerance at which both the median and the 99 % error are met, by interpolation.

        Between two measured points log(tolerance) is linear in log(error).  None where even the smallest
        measured tolerance misses an error; the largest measured one where all of them meet both.
        """
        wanted = [self._crossing([e.errors.median for e in self.found], median)]
        wanted.append(self._crossing([e.errors.worst for e in self.found], worst))
        return None if None in wanted else min(w for w in wanted if w is not None)

    def _crossing(self, errors: list[float], limit: float) -> float | None:
        """The tolerance from which on, going down, the errors stay below the limit."""
        above = [k for k, error in enumerate(errors) if error > limit]
        if not above:
            return self.tolerances[0]
        k = above[-1]
        if k == len(errors) - 1:
            return None
        share = np.log(errors[k] / limit) / np.log(errors[k] / errors[k + 1])
        return float(self.tolerances[k] * (self.tolerances[k + 1] / self.tolerances[k]) ** share)

    def rate_for(self, median: float, worst: float) -> float | None:
        """Particles/s/core at `tolerance_for` these errors, interpolated; None where they are not reached."""
        tolerance = self.tolerance_for(median, worst)
        if tolerance is None:
            return None
        logs = -np.log(self.tolerances)
        return float(np.exp(np.interp(-np.log(tolerance), logs, np.log([e.rate for e in self.found]))))

    def measured_for(
        self,
        arrays: Arrays,
        sample: ExactSample,
        repeats: int,
        median: float,
        worst: float,
        safety: float = 0.97,
        **settings: Any,
    ) -> tuple[float, Evaluation] | None:
        """Tolerance and evaluation that meet both errors: interpolated, measured, lowered until they do."""
        tolerance = self.tolerance_for(median, worst)
        for _ in range(8):
            if tolerance is None:
                return None
            found = evaluation(arrays, sample, repeats, tolerance=tolerance, **settings)
            if found.errors.median <= median and found.errors.worst <= worst:
                return tolerance, found
            tolerance *= safety
        return None
