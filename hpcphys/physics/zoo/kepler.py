"""Kepler's problem in its plane: one body on an ellipse about a fixed mass."""

from __future__ import annotations

import math

import numpy as np

from hpcphys.physics.zoo.system import Series, ZooSystem


def kepler(mu: float = 1.0, eccentricity: float = 0.6, semi_major_axis: float = 1.0) -> ZooSystem:
    """H = p.p/2 - mu/|q|, from the pericentre.  Period 2 pi sqrt(a³/mu).

    mu: G times the mass [length³/time²];  semi_major_axis: a [length];  eccentricity: in [0, 1)
    Source: Hairer, Lubich & Wanner (2006), section I.2.2.
    """
    if not 0.0 <= eccentricity < 1.0:
        raise ValueError(f"eccentricity {eccentricity} is not that of an ellipse; allowed: 0 to below 1")
    e, a = eccentricity, semi_major_axis
    period = 2.0 * math.pi * math.sqrt(a**3 / mu)

    def exact(time: np.ndarray) -> dict[str, np.ndarray]:
        x, y, u, v = position_on_ellipse(2.0 * math.pi * time / period, e)
        rate = a * 2.0 * math.pi / period
        return {"q": np.stack([a * x, a * y], axis=1), "p": np.stack([rate * u, rate * v], axis=1)}

    return ZooSystem(
        name="kepler",
        title=f"Kepler's problem, eccentricity {e:g}",
        source="Hairer, Lubich & Wanner (2006), section I.2.2",
        variables=("q[2]", "p[2]"),
        expression={"kinetic": "dot(p, p)/2", "potential": "-mu/norm(q)"},
        parameters={"mu": mu},
        conserved={"angular_momentum": "q[0]*p[1] - q[1]*p[0]"},
        observables={
            "pericentre": "atan2(-p[0]*(q[0]*p[1] - q[1]*p[0]) - mu*q[1]/norm(q), "
            "p[1]*(q[0]*p[1] - q[1]*p[0]) - mu*q[0]/norm(q))"
        },
        initial={
            "q": [a * (1.0 - e), 0.0],
            "p": [0.0, math.sqrt(mu / a * (1.0 + e) / (1.0 - e))],
        },
        reference=exact,
        results=lambda series: precession(series, period),
        facts={"period": period},
    )


def precession(series: Series, period: float) -> dict[str, float]:
    """Angle by which the ellipse turns in a period, which the exact motion does not: the mean over the
    run."""
    turned = series["pericentre"][-1] - series["pericentre"][0]
    return {"precession_per_period": float(turned * period / series["time"][-1])}


def position_on_ellipse(mean: np.ndarray, e: float) -> tuple[np.ndarray, ...]:
    """x, y and their derivatives by the mean anomaly, for the semi-major axis 1.

    Solves M = E - e sin E by Newton's method from E = M ± e, the side of M (Danby 1987).
    """
    mean = np.mod(np.asarray(mean, dtype=float) + math.pi, 2.0 * math.pi) - math.pi
    anomaly = mean + e * np.sign(np.sin(mean))
    for _ in range(50):
        change = (anomaly - e * np.sin(anomaly) - mean) / (1.0 - e * np.cos(anomaly))
        anomaly = anomaly - change
        if np.max(np.abs(change), initial=0.0) < 1e-15:
            break
    root, rate = math.sqrt(1.0 - e * e), 1.0 / (1.0 - e * np.cos(anomaly))
    x, y = np.cos(anomaly) - e, root * np.sin(anomaly)
    return x, y, -np.sin(anomaly) * rate, root * np.cos(anomaly) * rate
