"""Waves in warm plasmas: roots of dispersion relations with the plasma dispersion function."""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable
from functools import partial

import numpy as np

ROUNDS = 100
SMALL = 1e-13
KNOWN, FOLLOWED = 0.3, 0.05


def plasma_dispersion(argument: complex) -> complex:
    """Z(ζ) = i √π w(ζ), with Faddeeva's w: the analytic continuation of π^(-½) ∫ exp(-t²)/(t - ζ) dt.

    Source: Fried & Conte (1961), The Plasma Dispersion Function.
    """
    from scipy.special import wofz  # slow to import, and rarely needed

    return 1j * math.sqrt(math.pi) * complex(wofz(argument))


def plasma_dispersion_derivative(argument: complex) -> complex:
    """Z′(ζ) = -2 [1 + ζ Z(ζ)]."""
    return -2.0 * (1.0 + argument * plasma_dispersion(argument))


def landau(wave_number: float) -> complex:
    """Frequency ω + iγ [ω_p] of the least damped Langmuir wave in a Maxwellian plasma: γ < 0.

    1 - Z′(ω/(√2 k v_th))/(2 k²λ_D²) = 0, v_th = (T/m)^½ = λ_D ω_p.
    wave_number: k λ_D, about 0.05 to 2;  Raises ArithmeticError where no root is found.
    Source: Landau (1946) J. Phys. USSR 10, 25; Fried & Conte (1961).
    """

    root = cmath.sqrt(1.0 + 3.0 * min(wave_number, KNOWN) ** 2) - 1e-3j
    # From long waves, where Bohm and Gross' frequency is near, on to short ones.
    steps = max(1, round((wave_number - KNOWN) / FOLLOWED))
    for wave in np.linspace(min(wave_number, KNOWN), wave_number, steps + 1):
        root = _root(partial(_langmuir, wave), root)
    return root


def _langmuir(wave_number: float, frequency: complex) -> complex:
    ratio = frequency / (math.sqrt(2.0) * wave_number)
    return 1.0 - plasma_dispersion_derivative(ratio) / (2.0 * wave_number**2)


def landau_growth(wave_number: float) -> float:
    """γ [ω_p] of `landau`, negative: the wave decays."""
    return landau(wave_number).imag


def warm_two_stream_growth(wave_number: float, thermal: float) -> float:
    """Growth rate γ/ω_p of two Maxwellian beams of half the density each, with velocities ±v0.

    1 = Σ± Z′((ω ∓ K)/(√2 K s))/(4 K² s²), K = k v0/ω_p, s = v_th/v0.  At Re ω = 0, where the mode grows.
    wave_number: K > 0;  thermal: s > 0;  0 where nothing grows
    Source: Birdsall & Langdon (1985), section 5-9, with O'Neil & Malmberg (1968) Phys. Fluids 11, 1754.
    """
    width = math.sqrt(2.0) * wave_number * thermal

    def relation(rate: float) -> float:
        beams = (plasma_dispersion_derivative((1j * rate + way * wave_number) / width) for way in (-1, 1))
        return (1.0 - sum(beams) / (4.0 * wave_number**2 * thermal**2)).real

    return _growing(relation, 1.0)


def weibel_growth(wave_number: float, along: float, across: float) -> float:
    """Growth rate γ/ω_p of magnetic fields in a plasma that is hotter across the wave vector than along it.

    ω² = k² + 1 + (T_y/T_x) Z′(ζ)/2 at ω = iγ, ζ = iγ/(√2 k v_x).
    wave_number: k c/ω_p;  along, across: thermal velocities v_x, v_y [c], v_y > v_x; not relativistic
    0 where nothing grows, from `weibel_cut_off` on.
    Source: Weibel (1959) Phys. Rev. Lett. 2, 83; Davidson et al. (1972) Phys. Fluids 15, 317.
    """
    ratio = (across / along) ** 2

    def relation(rate: float) -> float:
        slope = plasma_dispersion_derivative(1j * rate / (math.sqrt(2.0) * wave_number * along)).real
        return -(rate**2 + wave_number**2 + 1.0 + ratio * slope / 2.0)

    return _growing(relation, 2.0 * across)


def weibel_cut_off(along: float, across: float) -> float:
    """k c/ω_p = √(T_y/T_x - 1), beyond which `weibel_growth` is 0."""
    return math.sqrt(max((across / along) ** 2 - 1.0, 0.0))


def _growing(relation: Callable[[float], float], most: float) -> float:
    """The largest γ in (0, most) where the relation changes its sign; 0 where there is none."""
    from scipy.optimize import brentq

    rates = np.linspace(0.0, most, 400)[1:]
    values = np.array([relation(rate) for rate in rates])
    changes = np.flatnonzero(values[1:] * values[:-1] < 0.0)
    if not len(changes):
        return 0.0
    last = changes[-1]
    return float(brentq(relation, rates[last], rates[last + 1], xtol=1e-14))


def _root(relation: Callable[[complex], complex], guess: complex) -> complex:
    """The root near a guess, by the secant method.  Raises ArithmeticError where it is not found."""
    before, now = guess, guess * 1.0001
    value_before, value = relation(before), relation(now)
    for _ in range(ROUNDS):
        after = now - value * (now - before) / (value - value_before)
        before, value_before = now, value
        now, value = after, relation(after)
        if abs(now - before) < SMALL or value == value_before:
            return now
    raise ArithmeticError(f"no root of the dispersion relation is found near ω = {guess:.4g}")
