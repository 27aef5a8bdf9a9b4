"""Rules of [time] that all kinds of systems share."""

from __future__ import annotations

from typing import Any

from hpcphys.run.kind import Broken


def length_of_run(time: Any) -> list[Broken]:
    """One of end and steps says how far a run goes; a step is not longer than that."""
    broken: list[Broken] = []
    if (time.end is None) == (time.steps is None):
        found = "neither end nor steps is given" if time.end is None else "both end and steps are given"
        broken.append((("time", "end" if time.end is None else "steps"), f"{found}; give one of them"))
    if time.step and time.end and time.step > time.end:
        text = f"found {time.step}, longer than the whole run, end = {time.end}"
        broken.append((("time", "step"), text))
    return broken


def equal_steps(time: Any) -> list[Broken]:
    """Rules of a [time] table without adaptive steps."""
    broken = length_of_run(time)
    if time.adaptive:
        broken.append((("time", "adaptive"), "is for kind = 'gravity' and 'fluid'; here steps are equal"))
    if time.step is None:
        broken.append((("time", "step"), "is missing; give the length of a step"))
    return broken


def adaptive_or_equal_steps(time: Any, needed: str = "") -> list[Broken]:
    """Rules of a [time] table that may have adaptive steps.  needed: what these take besides, in words."""
    broken = length_of_run(time)
    if time.adaptive and time.step is not None:
        text = "is given together with adaptive = true; use max_step to bound the steps"
        broken.append((("time", "step"), text))
    if not time.adaptive and time.step is None:
        text = f"is missing; give the length of a step, or adaptive = true{needed}"
        broken.append((("time", "step"), text))
    return broken


def for_adaptive_steps(time: Any, keys: tuple[str, ...]) -> list[Broken]:
    """Equal steps: none of these keys may be given."""
    text = "is for adaptive steps only; add adaptive = true or remove it"
    return [(("time", key), text) for key in keys if getattr(time, key) is not None]
