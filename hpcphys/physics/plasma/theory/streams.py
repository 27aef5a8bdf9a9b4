"""Cold streams through each other: instabilities whose dispersion relations have closed solutions."""

from __future__ import annotations

import math


def cold_two_stream_growth(wave_number: float) -> float:
    """Growth rate γ/ω_p of two cold beams of half the density each, with velocities ±v0.

    1 = ½[(ω - K)⁻² + (ω + K)⁻²], so ω² = K² + ½ - √(2K² + ¼), with K = k v0/ω_p and ω_p of both beams.
    wave_number: K > 0;  0 where K >= 1: there is no instability
    Source: Birdsall & Langdon (1985), section 5-9.
    """
    square = wave_number**2 + 0.5 - math.sqrt(2.0 * wave_number**2 + 0.25)
    return math.sqrt(max(-square, 0.0))


def cold_two_stream_maximum() -> tuple[float, float]:
    """K* = √(3/8) and γ* = 1/(2√2) ω_p, the largest growth rate of `cold_two_stream_growth`."""
    return math.sqrt(3.0 / 8.0), 0.5 / math.sqrt(2.0)


def filamentation_growth(wave_number: float, speed: float) -> float:
    """Growth rate γ/ω_p of the filaments that two cold beams of half the density break up into.

    ω⁴ - ω²(k² + γ0⁻³) - k² v0²/γ0 = 0 for k across the beams, with ω in ω_p, k in ω_p/c, v0 in c and
    γ0 = (1 - v0²)^(-1/2).  Linear theory of E along the beams and B across both; equal beams leave the
    electric field along k alone.
    wave_number: k c/ω_p;  speed: v0/c, in [0, 1)
    Source: Califano, Pegoraro & Bulanov (1997) Phys. Rev. E 56, 963, equal beams.
    """
    gamma = 1.0 / math.sqrt(1.0 - speed**2)
    inertia = wave_number**2 + gamma**-3
    root = math.sqrt(inertia**2 + 4.0 * wave_number**2 * speed**2 / gamma)
    return math.sqrt(0.5 * (root - inertia))


def filamentation_limit(speed: float) -> float:
    """v0/√γ0, which `filamentation_growth` tends to for short waves [ω_p]."""
    return speed * (1.0 - speed**2) ** 0.25
