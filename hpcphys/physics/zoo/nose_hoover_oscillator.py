"""An oscillator with a chain of thermostats: one thermostat is not enough."""

from __future__ import annotations

import numpy as np

from hpcphys.physics.zoo.system import Series, ZooSystem


def nose_hoover_oscillator(length: int = 3, temperature: float = 1.0, period: float = 1.0) -> ZooSystem:
    """H = (p² + q²)/2 with `length` Nosé-Hoover thermostats at kT; Gaussian in q and p from two of them on.

    period: of the thermostats, sets their masses kT period²
    Source: Martyna, Klein & Tuckerman (1992) J. Chem. Phys. 97, 2635, figures 1 and 2.
    """
    return ZooSystem(
        name="nose_hoover_oscillator",
        title=f"oscillator with {length} thermostat{'s' if length > 1 else ''}",
        source="Martyna, Klein & Tuckerman (1992) J. Chem. Phys. 97, 2635",
        structure="nose_hoover",
        options={"temperature": "kT", "length": length, "period": "period"},
        variables=("q", "p"),
        expression={"kinetic": "p^2/2", "potential": "q^2/2"},
        parameters={"kT": temperature, "period": period},
        observables={"q_squared": "q^2", "p_squared": "p^2", "q_fourth": "q^4", "p_fourth": "p^4"},
        initial={"q": 1.0, "p": 1.0},
        results=lambda series: moments(series, temperature),
    )


def moments(series: Series, temperature: float) -> dict[str, float]:
    """Time averages of q², p² over kT (1 for a Gaussian) and of q⁴, p⁴ over 3 kT²."""
    found = {}
    for name, scale in (("squared", temperature), ("fourth", 3.0 * temperature**2)):
        for variable in "qp":
            found[f"{variable}_{name}"] = float(np.mean(series[f"{variable}_{name}"]) / scale)
    return found
