"""The measured error of the force: at the start, at intervals, and held at a target if asked."""

from __future__ import annotations

import math

TRIALS = 8
"""Changes of the criterion at most until it gives the target error."""

AIM, LEAST_SHARE = 0.8, 0.5
"""The criterion is changed to give this share of the target, and kept above that share of it."""

LEAST_CHANGE, LARGEST_CHANGE = 0.1, 2.0
"""The criterion is changed by no less and no more than these factors at a time."""

FIRST_POWER = {"tolerance": 0.7, "opening_angle": 3.0}
"""error ~ criterion^power before two measurements tell: measured on a Plummer sphere of 1e5 particles."""


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
        The error goes as a power of the criterion, which is learnt from the last two measurements.
        """
        if self.gravity.error_sample == 0:
            return False
        target, power, tried = self.gravity.error_target, FIRST_POWER[self.knob], []
        self._sample(state)
        while target is not None and not LEAST_SHARE * target <= self.memory["p99"] <= target:
            tried.append((getattr(self.field, self.knob), self.memory["p99"]))
            if len(tried) > TRIALS or self.memory["p99"] == 0.0:
                break
            power = learnt_power(tried, power)
            factor = (AIM * target / self.memory["p99"]) ** (1.0 / power)
            value = tried[-1][0] * min(max(factor, LEAST_CHANGE), LARGEST_CHANGE)
            setattr(self.field, self.knob, value)
            self.memory[self.knob] = value
            state.invalidate(self.field.writes | self.field.optional)
            program.prepare({"potential"})
            self._sample(state)
        return len(tried) > 0

    def columns(self) -> dict[str, float]:
        """The last measurement, as columns of the diagnostics."""
        return {"force_error_median": self.memory["median"], "force_error_p99": self.memory["p99"]}

    def text(self) -> str:
        """One line for the log."""
        if math.isnan(self.memory["p99"]):
            return "force error: not measured ([gravity] error_sample = 0)"
        target = self.gravity.error_target
        held = "" if target is None or self.memory["p99"] <= target else f"; NOT below the target {target:g}"
        knob = f", {self.knob} {self.memory[self.knob]:.4g}" if self.knob in self.memory else ""
        return (
            f"force error against direct sums ({self.gravity.error_sample} particles): "
            f"median {self.memory['median']:.1e}, 99 % below {self.memory['p99']:.1e}{knob}{held}"
        )

    def _sample(self, state) -> None:
        from hpcphys.forces.error import sampled_error

        median, p99 = sampled_error(self.field, state, self.communicator, self.gravity.error_sample)
        self.memory["median"], self.memory["p99"] = float(median), float(p99)


def learnt_power(tried: list[tuple[float, float]], power: float) -> float:
    """p of error ~ criterion^p through the last two (criterion, error); `power` where they cannot tell."""
    if len(tried) < 2:
        return power
    (first, error), (second, later) = tried[-2:]
    found = math.log(later / error) / math.log(second / first) if later > 0.0 and second != first else power
    return min(max(found, 0.3), 6.0)
