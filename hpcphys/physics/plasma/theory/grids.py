"""What waves and orbits do on a grid and in steps: exact results of the discrete equations."""

from __future__ import annotations

import math
from collections.abc import Sequence


def leapfrog_frequency(frequency: float, step: float) -> float:
    """(2/dt) asin(ω dt/2): what a leapfrog of steps dt makes of an oscillation of frequency ω.

    Raises ValueError where ω dt > 2: the steps are not stable.
    Source: Birdsall & Langdon (1985), section 4-2.
    """
    if frequency * step > 2.0:
        raise ValueError(f"ω dt = {frequency * step:g} is above 2: such steps are not stable; shorten them")
    return 2.0 / step * math.asin(0.5 * frequency * step)


def plasma_oscillation_frequency(
    wave_number: float, spacing: float, step: float, order: int, plasma_frequency: float = 1.0
) -> float:
    """ω of a cold plasma's oscillation along one axis, for shapes of a finite width on a grid of spacing dx.

    Charges of splines of `order` m, E gathered one order lower half-way between the nodes, ∇·E by
    differences, many particles in a cell.  The restoring force is that of points times
    Σ_p sinc(k dx/2 + π p)^(2m), the aliases p of the wave being those that the grid cannot tell from it:
    with s = sin²(k dx/2) the factors 1, 1 - 2s/3 and 1 - s + 2s²/15 of m = 1, 2, 3; then
    `leapfrog_frequency`.
    Raises ValueError for another order.
    Source: Birdsall & Langdon (1985), sections 4-9, 8-7 and 10-3; the sums are Euler's.
    """
    s = math.sin(0.5 * wave_number * spacing) ** 2
    factors = {1: 1.0, 2: 1.0 - 2.0 * s / 3.0, 3: 1.0 - s + 2.0 * s**2 / 15.0}
    if order not in factors:
        raise ValueError(f"order {order}: shapes of order 1, 2 and 3 have a gather that conserves energy")
    return leapfrog_frequency(plasma_frequency * math.sqrt(factors[order]), step)


def discrete_electromagnetic_frequency(
    waves: Sequence[float], spacing: Sequence[float], step: float, plasma_frequency: float = 1.0,
    light_speed: float = 1.0,
) -> float:  # fmt: skip
    """ω of a transverse wave in a cold plasma on Yee's grid in leapfrog steps.

    sin²(ω dt/2)/dt² = c² Σ sin²(k_i dx_i/2)/dx_i² + ω_p²/4, the current being that of the middle of a step.
    waves: k along each axis;  spacing: dx;  Raises ValueError where no real ω solves it.
    Source: Birdsall & Langdon (1985), section 15-2; Taflove & Hagness (2005), eq. 4.12 for ω_p = 0.
    """
    curls = sum((math.sin(0.5 * k * d) / d) ** 2 for k, d in zip(waves, spacing, strict=True))
    sine = step * math.sqrt(light_speed**2 * curls + 0.25 * plasma_frequency**2)
    if sine > 1.0:
        raise ValueError(f"the step {step:g} is too long for this wave; shorten it")
    return 2.0 / step * math.asin(sine)


def boris_phase(gyration: float, step: float) -> float:
    """2 atan(Ω dt/2): the angle that one step of Boris' pusher turns a velocity by; |u| does not change.

    Source: Birdsall & Langdon (1985), section 4-4; Boris (1970).
    """
    return 2.0 * math.atan(0.5 * gyration * step)
