"""A damped oscillator: friction as an exact flow."""

from __future__ import annotations

import numpy as np

from hpcphys.physics.zoo.system import ZooSystem


def damped_oscillator(damping: float = 0.1, frequency: float = 1.0, position: float = 1.0) -> ZooSystem:
    """dq/dt = p, dp/dt = -w² q - damping p, with H = (p² + w² q²)/2 that only falls.

    damping: [1/time], below 2 w;  frequency: w;  position: q at the start, at rest
    q = exp(-damping t/2) (cos u t + damping/(2u) sin u t) q(0),  u² = w² - damping²/4
    Source: Landau & Lifshitz (1976), Mechanics, section 25.
    """
    exact = damped_motion(damping, frequency, position)
    return ZooSystem(
        name="damped_oscillator",
        title=f"damped oscillator, damping {damping:g}",
        source="Landau & Lifshitz (1976), section 25",
        structure="friction",
        options={"friction": "damping"},
        variables=("q", "p"),
        expression={"kinetic": "p^2/2", "potential": "w^2*q^2/2"},
        parameters={"w": frequency, "damping": damping},
        initial={"q": position, "p": 0.0},
        reference=exact,
    )


def damped_motion(damping: float, frequency: float, position: float):
    """time -> q, p of the damped oscillator that starts at rest.  Raises ValueError where it creeps."""
    if not 0.0 <= damping < 2.0 * frequency:
        raise ValueError(f"damping {damping} is not below twice the frequency {frequency}: no oscillation")
    rate = 0.5 * damping
    u = np.sqrt(frequency**2 - rate**2)

    def exact(time: np.ndarray) -> dict[str, np.ndarray]:
        fade, turn = position * np.exp(-rate * np.asarray(time)), u * np.asarray(time)
        return {
            "q": fade * (np.cos(turn) + rate / u * np.sin(turn)),
            "p": -fade * frequency**2 / u * np.sin(turn),
        }

    return exact
