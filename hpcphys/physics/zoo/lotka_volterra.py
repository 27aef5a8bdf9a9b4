"""Prey and predators: Lotka and Volterra's equations as a Poisson system."""

from __future__ import annotations

import numpy as np

from hpcphys.physics.zoo.system import Series, ZooSystem


def lotka_volterra(
    birth: float = 1.0, hunger: float = 1.0, prey: float = 2.0, predators: float = 1.0
) -> ZooSystem:
    """du/dt = u (birth - v), dv/dt = v (u - hunger): J = u v [[0, -1], [1, 0]] and
    H = u - hunger log u + v - birth log v.

    prey, predators: u and v at the start
    Near the equilibrium (hunger, birth) the period is 2 pi/sqrt(birth hunger).
    Source: Volterra (1926) Nature 118, 558; Hairer, Lubich & Wanner (2006), sections I.1.1 and VII.2.
    """
    return ZooSystem(
        name="lotka_volterra",
        title="Lotka-Volterra",
        source="Hairer, Lubich & Wanner (2006), section VII.2",
        structure="lotka_volterra",
        options={"matrix": [[0, -1], [1, 0]]},
        variables=("u", "v"),
        expression={"prey": "u - hunger*log(u)", "predators": "v - birth*log(v)"},
        parameters={"birth": birth, "hunger": hunger},
        initial={"u": prey, "v": predators},
        results=cycle,
    )


def cycle(series: Series) -> dict[str, float]:
    """Mean period, from the maxima of the prey."""
    u, time = series["u"][:, 0], series["time"]
    top = np.flatnonzero((u[1:-1] > u[:-2]) & (u[1:-1] >= u[2:])) + 1
    if top.size < 2:
        return {}
    return {"period": float((time[top[-1]] - time[top[0]]) / (top.size - 1))}
