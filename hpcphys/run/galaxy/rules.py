"""Rules between keys of a job, which no single key's type can state."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hpcphys.run.kind import Broken
from hpcphys.run.time_rules import adaptive_or_equal_steps, for_adaptive_steps


def broken_rules(tables: dict[str, Any], files_needed: bool = True) -> list[Broken]:
    """Path and text of every rule that the valid tables break; a rule whose table is missing is not tried.

    files_needed: whether the input file of [initial] has to be there.
    """
    broken: list[Broken] = []
    if "time" in tables:
        broken += _time(tables["time"])
    if "gravity" in tables:
        broken += _gravity(tables["gravity"])
    if "time" in tables and "gravity" in tables:
        broken += _step_criterion(tables["time"], tables["gravity"])
    if files_needed and "initial" in tables:
        broken += _initial(tables["initial"])
    return broken


def _time(time: Any) -> list[Broken]:
    broken = adaptive_or_equal_steps(time, needed=" with accuracy")
    if time.adaptive:
        if time.accuracy is None:
            broken.append((("time", "accuracy"), "is missing; adaptive steps need it, as accuracy = 0.02"))
        if time.min_step and time.max_step and time.min_step > time.max_step:
            broken.append((("time", "min_step"), f"found {time.min_step}, above max_step = {time.max_step}"))
    else:
        broken += for_adaptive_steps(time, ("accuracy", "max_step", "min_step"))
    return broken


def _gravity(gravity: Any) -> list[Broken]:
    broken: list[Broken] = []
    if (
        gravity.softening_kernel == "none"
        and gravity.softening > 0
        and "softening" in gravity.model_fields_set
    ):
        text = (
            f"found {gravity.softening} with softening_kernel = 'none'; use softening = 0 or another kernel"
        )
        broken.append((("gravity", "softening"), text))
    if gravity.softening_kernel != "none" and gravity.softening == 0:
        broken.append((("gravity", "softening"), "found 0; use a number > 0, or softening_kernel = 'none'"))
    if gravity.error_target is not None and gravity.method == "direct":
        broken.append(
            (("gravity", "error_target"), "has no meaning for method = 'direct', which is exact; remove it")
        )
    if gravity.error_target is not None and gravity.error_sample == 0:
        broken.append(
            (
                ("gravity", "error_sample"),
                "found 0; holding error_target needs a sample, as error_sample = 256",
            )
        )
    return broken


def _step_criterion(time: Any, gravity: Any) -> list[Broken]:
    if time.adaptive and time.step_criterion == "acceleration" and gravity.softening_kernel == "none":
        text = "'acceleration' uses the softening length, which is 0 here; use step_criterion = 'virial'"
        return [(("time", "step_criterion"), text)]
    return []


def _initial(initial: Any) -> list[Broken]:
    path = getattr(initial, "path", None)
    if path is None:
        return []
    if not Path(path).exists():
        return [(("initial", "path"), f"no such file: {path}")]
    return []
