"""Rules between keys of a flow's job, which no single key's type can state."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hpcphys.run.kind import Broken
from hpcphys.run.time_rules import adaptive_or_equal_steps, for_adaptive_steps


def broken_rules(tables: dict[str, Any], files_needed: bool) -> list[Broken]:
    """Path and text of every rule that the valid tables break; a rule whose table is missing is not tried."""
    broken: list[Broken] = []
    time, grid, fluid = tables.get("time"), tables.get("grid"), tables.get("fluid")
    forcing, initial, seen = tables.get("forcing"), tables.get("initial"), tables.get("diagnostics")
    if fluid is None:
        from hpcphys.run.fluids.job import Fluid

        fluid = Fluid()
    if time is not None:
        broken += _time(time) + _integrator(time, fluid)
    broken += _damping(fluid)
    if grid is not None and forcing is not None:
        broken += _forcing(forcing, cutoff(grid, fluid))
    if fluid.model == "zeitlin":
        broken += _zeitlin(grid, fluid, forcing, time, initial)
    if seen is not None:
        broken += _diagnostics(seen, grid, fluid)
    if initial is not None:
        broken += _initial(initial, files_needed)
        if initial.model == "rest" and forcing is None and "forcing" not in tables:
            text = (
                "'rest' without a table [forcing]: nothing would ever move; add one or choose another model"
            )
            broken.append((("initial", "model"), text))
        if time is not None and initial.model == "rest" and time.adaptive and time.max_step is None:
            text = "is missing; a flow that starts at rest gives adaptive steps no bound"
            broken.append((("time", "max_step"), text))
    return broken


def cutoff(grid: Any, fluid: Any) -> int:
    """The largest wavenumber of an axis that is kept, in units of 2π/length."""
    two_thirds = fluid.dealias == "two_thirds" and fluid.model != "zeitlin"
    return (grid.points - 1) // (3 if two_thirds else 2)


def _time(time: Any) -> list[Broken]:
    broken = adaptive_or_equal_steps(time)
    return broken if time.adaptive else broken + for_adaptive_steps(time, ("max_step",))


def _integrator(time: Any, fluid: Any) -> list[Broken]:
    matrix = time.integrator.startswith("isospectral")
    if matrix and fluid.model != "zeitlin":
        text = f"{time.integrator!r} is for model = 'zeitlin'; use rk4 or midpoint"
        return [(("time", "integrator"), text)]
    if time.integrator == "midpoint" and fluid.dealias != "two_thirds":
        text = f"'midpoint' keeps energy and enstrophy with the 2/3 rule alone, not with {fluid.dealias!r}"
        return [(("time", "integrator"), text)]
    if fluid.model == "zeitlin" and not matrix:
        text = f"found {time.integrator!r}; model = 'zeitlin' needs 'isospectral_midpoint'"
        return [(("time", "integrator"), text)]
    return []


def _damping(fluid: Any) -> list[Broken]:
    if fluid.viscosity_rate is not None and fluid.viscosity > 0.0:
        return [(("fluid", "viscosity_rate"), "is given together with viscosity; give one of them")]
    return []


def _forcing(forcing: Any, largest: int) -> list[Broken]:
    low, high = forcing.wavenumber - forcing.width, forcing.wavenumber + forcing.width
    if high > largest or low <= 0.0:
        text = (
            f"found {forcing.wavenumber:g} ± {forcing.width:g}; the grid resolves wavenumbers up to "
            f"{largest}, and the ring must lie above 0: move it, or use more points"
        )
        return [(("forcing", "wavenumber"), text)]
    return []


def _zeitlin(grid: Any, fluid: Any, forcing: Any, time: Any, initial: Any) -> list[Broken]:
    broken: list[Broken] = []
    if grid is not None and grid.points % 2 == 0 and fluid.sine_angle == "zeitlin":
        text = f"found {grid.points}; sine_angle = 'zeitlin' needs an odd size, as {grid.points + 1}"
        broken.append((("grid", "points"), text))
    if fluid.viscosity or fluid.viscosity_rate or fluid.drag:
        broken.append((("fluid", "model"), "'zeitlin' has neither viscosity nor drag; remove them"))
    if fluid.precision == "single":
        broken.append((("fluid", "precision"), "found 'single'; Zeitlin's model is in double precision"))
    if forcing is not None:
        broken.append((("forcing", "wavenumber"), "model = 'zeitlin' has no forcing; remove the table"))
    if time is not None and time.adaptive:
        broken.append((("time", "adaptive"), "model = 'zeitlin' has equal steps; give a step"))
    return broken


def _diagnostics(seen: Any, grid: Any, fluid: Any) -> list[Broken]:
    broken: list[Broken] = []
    if (seen.fit_min is None) != (seen.fit_max is None):
        missing = "fit_min" if seen.fit_min is None else "fit_max"
        broken.append((("diagnostics", missing), "is missing; a fit needs both fit_min and fit_max"))
    elif seen.fit_min is not None and grid is not None:
        unit = 6.283185307179586 / grid.length
        if not seen.fit_min < seen.fit_max <= cutoff(grid, fluid) * unit:
            text = (
                f"found {seen.fit_min:g} to {seen.fit_max:g}; the window must lie below the largest "
                f"wavenumber, {cutoff(grid, fluid) * unit:g}"
            )
            broken.append((("diagnostics", "fit_max"), text))
    if seen.average_to is not None and seen.average_to <= seen.average_from:
        text = f"found {seen.average_to:g}, not above average_from = {seen.average_from:g}"
        broken.append((("diagnostics", "average_to"), text))
    return broken


def _initial(initial: Any, files_needed: bool) -> list[Broken]:
    if initial.model == "expression":
        from hpcphys.run.fluids.stated import broken_expression

        return broken_expression(initial)
    if initial.model == "file" and files_needed and not Path(initial.path).exists():
        return [(("initial", "path"), f"no such file: {initial.path}")]
    return []
