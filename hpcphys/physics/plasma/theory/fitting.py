"""Rates and frequencies of the modes of a run, from windows that a rule chooses, not a person."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

ABOVE_START = 100.0
"""Growth is measured from this multiple of the first amplitude on: by then the modes that do not grow, which
a perturbation starts as well, are one per cent."""

BELOW_MAXIMUM = 0.02
"""... up to this share of the largest amplitude, where the mode does not feel its own effect yet."""

FEWEST = 5
"""Rows that a fit needs."""

SKIPPED_EXTREMA = 2
"""A damped mode is measured from the extremum behind so many: by then the faster damped ones are gone."""

FLOOR = 0.01
"""A damped mode is measured down to this share of its first extremum ..."""

RISE = 1.0
"""... or to the first extremum that is not lower than the one before: noise, trapping or recurrence."""


@dataclass(frozen=True)
class Fit:
    """frequency: ω;  growth: γ, negative where the mode decays;  window: first and last time;  rows: used
    spread: root mean square of what the fit leaves, as a share of the amplitude (of its logarithm: `growth`)
    """

    frequency: float
    growth: float
    window: tuple[float, float]
    rows: int
    spread: float


@dataclass(frozen=True)
class Gyration:
    """phase: angle per row [rad], positive from x to y;  drift: what the pair turns about;  radius: about it
    spread: largest relative change of the radius
    """

    phase: float
    drift: tuple[float, float]
    radius: float
    spread: float


def growth(
    time: np.ndarray, amplitude: np.ndarray, low: float = ABOVE_START, high: float = BELOW_MAXIMUM
) -> Fit:
    """Growth rate γ of |A| ~ exp(γt): a line through ln|A|.

    The window begins where |A| has last been below low |A(0)| and ends where it first is above high max|A|.
    time, amplitude: (rows,), complex or real;  Raises ArithmeticError where fewer than FEWEST rows lie
    between: a mode that does not grow, rows too far apart, or a start above the noise that it needs.
    """
    size = np.abs(np.asarray(amplitude))
    if not size[0] > 0.0:
        raise ArithmeticError(
            "the mode is zero at the start, so that its growth has no scale: begin with a little of it"
        )
    top = int(np.argmax(size))
    behind = np.flatnonzero(size[: top + 1] > high * size[top])
    last = int(behind[0]) if len(behind) else top
    before = np.flatnonzero(size[:last] < low * size[0])
    first = int(before[-1]) + 1 if len(before) else 0
    if last - first < FEWEST:
        raise ArithmeticError(
            f"a growth rate needs {FEWEST} rows between {low:g} times the first amplitude, {size[0]:.3g}, "
            f"and {high:g} of the largest, {size[top]:.3g}; there are {max(last - first, 0)}: begin with a "
            "smaller perturbation, a quieter start, or write rows more often"
        )
    times, logarithm = np.asarray(time)[first:last], np.log(size[first:last])
    slope, offset = np.polyfit(times, logarithm, 1)
    spread = float(np.std(logarithm - slope * times - offset))
    return Fit(0.0, float(slope), (float(times[0]), float(times[-1])), len(times), spread)


def oscillation(time: np.ndarray, amplitude: np.ndarray) -> Fit:
    """Frequency ω of A ~ cos(ωt + φ) over all rows, neither growing nor decaying.

    time, amplitude: (rows,);  of a complex amplitude, a standing wave, the part along its own phase.
    Raises ArithmeticError where there is less than one period.
    """
    signal, times = _real(amplitude), np.asarray(time, dtype=float)
    return _fitted(times, signal, damped=False)


def damped_oscillation(time: np.ndarray, amplitude: np.ndarray) -> Fit:
    """Frequency ω and growth γ < 0 of A ~ exp(γt) cos(ωt + φ), as a Langmuir wave decays.

    The window goes from the extremum number SKIPPED_EXTREMA + 1 to the last that is lower than the one
    before and above FLOOR of the first.  Rows weigh exp(-γt), so that every period counts alike.
    Raises ArithmeticError where fewer than three extrema lie in it.
    """
    signal, times = _real(amplitude), np.asarray(time, dtype=float)
    size = np.abs(signal)
    inside = (size[1:-1] >= size[:-2]) & (size[1:-1] > size[2:])
    extrema = np.flatnonzero(inside) + 1
    kept: list[int] = []
    for place in extrema[SKIPPED_EXTREMA:]:
        if size[place] < FLOOR * size[extrema[0]] or (kept and size[place] > RISE * size[kept[-1]]):
            break
        kept.append(int(place))
    if len(kept) < 3:
        raise ArithmeticError(
            f"a damped mode needs three falling extrema behind the first {SKIPPED_EXTREMA}; found "
            f"{len(kept)}: use more particles or a quieter start, or write rows more often"
        )
    window = slice(kept[0], kept[-1] + 1)
    return _fitted(times[window], signal[window], damped=True)


def gyration(first: np.ndarray, second: np.ndarray) -> Gyration:
    """Angle per row, centre and radius of a pair of numbers that turns about a fixed point in equal steps.

    first, second: (rows,), u_x and u_y.  Exact for any angle below π: w_{n+2} - w_{n+1} is w_{n+1} - w_n,
    turned.  Raises ArithmeticError for fewer than three rows, or a pair that stands still.
    """
    pair = np.asarray(first, dtype=float) + 1j * np.asarray(second, dtype=float)
    chords = np.diff(pair)
    if len(chords) < 2 or not np.any(np.abs(chords) > 0.0):
        raise ArithmeticError("a gyration needs three rows and a pair that moves")
    phase = float(np.angle(np.vdot(chords[:-1], chords[1:])))
    turned = np.exp(1j * phase * np.arange(len(pair)))
    design = np.stack([np.ones_like(turned), turned], axis=1)
    (centre, _), *_ = np.linalg.lstsq(design, pair, rcond=None)
    radii = np.abs(pair - centre)
    radius = float(np.mean(radii))
    spread = float(np.max(np.abs(radii / radius - 1.0)))
    return Gyration(phase, (float(centre.real), float(centre.imag)), radius, spread)


def _real(amplitude: np.ndarray) -> np.ndarray:
    """A standing wave's amplitude as real numbers: the part along the phase that it has on the average."""
    values = np.asarray(amplitude)
    if not np.iscomplexobj(values):
        return values.astype(float)
    phase = 0.5 * np.angle(np.sum(values**2))
    return (values * np.exp(-1j * phase)).real


def _fitted(times: np.ndarray, signal: np.ndarray, damped: bool) -> Fit:
    """Least squares for ω (and γ); the amplitudes of cosine and sine follow by linear algebra."""
    from scipy.optimize import least_squares

    if len(times) < 2 * FEWEST:
        raise ArithmeticError(f"an oscillation needs {2 * FEWEST} rows; there are {len(times)}")
    begin = times - times[0]
    guess = _guess(begin, signal)

    def basis(given: np.ndarray) -> np.ndarray:
        decay = np.exp(given[1] * begin) if damped else 1.0
        return np.stack([decay * np.cos(given[0] * begin), decay * np.sin(given[0] * begin)], axis=1)

    def left(given: np.ndarray) -> np.ndarray:
        # Weights exp(-γt): every period counts alike.
        weight = np.exp(-given[1] * begin)[:, None] if damped else 1.0
        design, values = basis(given) * weight, signal[:, None] * weight
        return (values - design @ np.linalg.lstsq(design, values, rcond=None)[0])[:, 0]

    start = [guess, _decay(begin, signal)] if damped else [guess]
    found = least_squares(
        left, start, x_scale=[1e-2 * guess] * len(start), xtol=1e-15, ftol=1e-15, gtol=1e-15
    )
    size = float(np.sqrt(np.mean(signal**2))) or 1.0
    spread = float(np.sqrt(np.mean(found.fun**2))) / size
    rate = float(found.x[1]) if damped else 0.0
    return Fit(float(found.x[0]), rate, (float(times[0]), float(times[-1])), len(times), spread)


def _guess(times: np.ndarray, signal: np.ndarray) -> float:
    """ω from where the signal changes its sign."""
    changes = np.flatnonzero(signal[1:] * signal[:-1] < 0.0)
    if len(changes) < 2:
        raise ArithmeticError("the signal changes its sign less than twice: run for at least a period")
    share = signal[changes] / (signal[changes] - signal[changes + 1])
    crossings = times[changes] + share * (times[changes + 1] - times[changes])
    return float(np.pi * (len(crossings) - 1) / (crossings[-1] - crossings[0]))


def _decay(times: np.ndarray, signal: np.ndarray) -> float:
    """γ from the sizes of the first and the second half."""
    middle = len(times) // 2
    halves = [np.sqrt(np.mean(part**2)) for part in (signal[:middle], signal[middle:])]
    return float(np.log(halves[1] / halves[0]) / (times[middle:].mean() - times[:middle].mean()))
