"""A Langevin particle in a double well: averages, barriers, and what a step does to them."""

from __future__ import annotations

import numpy as np

from hpcphys.physics.zoo.system import Series, ZooSystem


def double_well(
    barrier: float = 1.0, temperature: float = 0.5, friction: float = 1.0, tilt: float = 0.1
) -> ZooSystem:
    """V = barrier (q² - 1)² + tilt q, with friction and noise at the temperature kT.

    friction: [1/time];  temperature: kT [energy]
    The stationary density of q is exp(-V/kT)/Z; <q²>, <p²> and the share of the right well are watched.
    Source: Kramers (1940) Physica 7, 284; Leimkuhler & Matthews (2013) Appl. Math. Res. Express 2013, 34.
    """
    exact = configurational_averages(barrier, temperature, tilt)
    return ZooSystem(
        name="double_well",
        title=f"Langevin particle in a double well, kT = {temperature:g}",
        source="Leimkuhler & Matthews (2013) Appl. Math. Res. Express 2013, 34",
        structure="langevin",
        options={"friction": "friction", "temperature": "kT"},
        variables=("q", "p"),
        expression={"kinetic": "p^2/2", "potential": "barrier*(q^2 - 1)^2 + tilt*q"},
        parameters={"barrier": barrier, "tilt": tilt, "friction": friction, "kT": temperature},
        observables={"q_squared": "q^2", "p_squared": "p^2", "right": "(1 + sign(q))/2"},
        initial={"q": "-1 + sqrt(kT/(8*barrier))*normal", "p": "sqrt(kT)*normal"},
        results=lambda series: sampled(series, exact, temperature),
        facts={f"exact_{name}": value for name, value in exact.items()} | {"exact_p_squared": temperature},
    )


def configurational_averages(barrier: float, temperature: float, tilt: float) -> dict[str, float]:
    """<q²> and the share right of zero of exp(-V/kT), by the trapezoidal rule, exact to round-off here."""
    q = np.linspace(-6.0, 6.0, 24001)
    weight = np.exp(-(barrier * (q * q - 1.0) ** 2 + tilt * q) / temperature)
    right = np.where(q > 0.0, 1.0, np.where(q == 0.0, 0.5, 0.0))
    return {
        "q_squared": float((weight * q * q).sum() / weight.sum()),
        "right": float((weight * right).sum() / weight.sum()),
    }


def sampled(series: Series, exact: dict[str, float], temperature: float) -> dict[str, float]:
    """Averages over the second half of the run and their differences from the exact ones."""
    late = slice(len(series["time"]) // 2, None)
    found = {f"mean_{name}": float(series[name][late].mean()) for name in ("q_squared", "p_squared", "right")}
    found |= {f"error_{name}": found[f"mean_{name}"] - value for name, value in exact.items()}
    return found | {"error_p_squared": found["mean_p_squared"] - temperature}
