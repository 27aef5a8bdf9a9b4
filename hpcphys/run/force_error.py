"""The measured error of the force: at the start, at intervals, and held at a target if asked."""

from __future__ import annotations

import math

TRIALS = 6
"""Measurements at most until the criterion gives the target error."""

LEAST_CHANGE, LARGEST_CHANGE = 0.2, 2.0
"""The criterion is changed by no less and no more than these factors at a time."""


class ForceError:
    """Error against direct sums over all particles, for a random sample of them.

    gravity: the job's table;  field: the force field;  memory: of the checkpoint that is being resumed
    """

    def __init__(self, gravity, field, communicator, memory: dict | None = None) -> None:
        self.gravity, self.field, self.communicator = gravity, field, communicator
        self.knob = "tolerance" if gravity.criterion == "relative" else "opening_angle"
        self.memory: dict = memory or {"median": math.nan, "p99": math.nan}

    def restore(self) -> None:
        """Give the field the criterion that a resumed run had arrived at."""
        if self.knob in self.memory:
            setattr(self.field, self.knob, self.memory[self.knob])

    def measure(self, state, program) -> bool:
        """Measure, and with an error_target change the criterion until the 99th percentile is below it;
        collective.

        Returns whether the criterion has changed: the forces in the state are then of the last one tried.
        The error grows about as tolerance^1 or opening_angle^3; the change aims at 0.8 of the target.
        """
        if self.gravity.error_sample == 0:
            return False
        changed = False
        for _ in range(TRIALS):
            self._sample(state)
            target = self.gravity.error_target
            if target is None or 0.5 * target <= self.memory["p99"] <= target:
                return changed
            power = 1.0 if self.knob == "tolerance" else 1.0 / 3.0
            factor = (
                (0.8 * target / self.memory["p99"]) ** power if self.memory["p99"] > 0 else LARGEST_CHANGE
            )
            value = getattr(self.field, self.knob) * min(max(factor, LEAST_CHANGE), LARGEST_CHANGE)
            setattr(self.field, self.knob, value)
            self.memory[self.knob] = value
            state.invalidate(self.field.writes | self.field.optional)
            program.prepare({"potential"})
            changed = True
        self._sample(state)
        return changed

    def columns(self) -> dict[str, float]:
        """The last measurement, as columns of the diagnostics."""
        return {"force_error_median": self.memory["median"], "force_error_p99": self.memory["p99"]}

    def text(self) -> str:
        """One line for the log."""
        if math.isnan(self.memory["p99"]):
            return "force error: not measured ([gravity] error_sample = 0)"
        knob = f", {self.knob} {self.memory[self.knob]:.4g}" if self.knob in self.memory else ""
        return (
            f"force error against direct sums ({self.gravity.error_sample} particles): "
            f"median {self.memory['median']:.1e}, 99 % below {self.memory['p99']:.1e}{knob}"
        )

    def _sample(self, state) -> None:
        from hpcphys.forces.error import sampled_error

        median, p99 = sampled_error(self.field, state, self.communicator, self.gravity.error_sample)
        self.memory["median"], self.memory["p99"] = float(median), float(p99)
