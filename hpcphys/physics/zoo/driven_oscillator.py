"""An oscillator that is driven: a Hamiltonian that depends on time."""

from __future__ import annotations

import numpy as np

from hpcphys.physics.zoo.system import ZooSystem


def driven_oscillator(frequency: float = 1.0, force: float = 0.2, driving: float = 0.9) -> ZooSystem:
    """H = p²/2 + w² q²/2 - force q cos(driving t), from rest: beats of the frequency w - driving.

    q = force/(w² - driving²) (cos(driving t) - cos(w t))
    Source: Landau & Lifshitz (1976), Mechanics, section 22.
    """
    if frequency == driving:
        raise ValueError("driving is the resonance itself; choose another frequency")
    size = force / (frequency**2 - driving**2)

    def exact(time: np.ndarray) -> dict[str, np.ndarray]:
        own, forced = frequency * np.asarray(time), driving * np.asarray(time)
        return {
            "q": size * (np.cos(forced) - np.cos(own)),
            "p": size * (frequency * np.sin(own) - driving * np.sin(forced)),
        }

    return ZooSystem(
        name="driven_oscillator",
        title=f"driven oscillator, {driving / frequency:g} of its frequency",
        source="Landau & Lifshitz (1976), section 22",
        variables=("q", "p"),
        expression={"kinetic": "p^2/2", "potential": "w^2*q^2/2 - force*q*cos(driving*t)"},
        parameters={"w": frequency, "force": force, "driving": driving},
        initial={"q": 0.0, "p": 0.0},
        reference=exact,
    )
