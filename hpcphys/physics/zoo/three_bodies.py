"""Three equal masses that chase each other on one figure-eight curve."""

from __future__ import annotations

import numpy as np

from hpcphys.physics.zoo.system import Series, ZooSystem

PERIOD = 6.325913982926228
"""Of the figure eight for G = m = 1."""

POSITION = (0.97000435669734, -0.24308753153583)
VELOCITY = (0.9324073714410342, 0.8647314609210237)
"""Of body 1 and, against its direction, of body 3.  Chenciner & Montgomery (2000), with 14 digits by C. Simó.

Here the position is taken as exact, which fixes scale and direction; velocity and period are refined by
shooting: Gauss-Newton for q_i(T/3) = q_j(0), p_i(T/3) = p_j(0), j the body that i follows, with Taylor series
of order 44 in 40 digits.  The residual falls from 5e-14 to 4e-40.  To 25 digits the velocity is
0.9324073714410342792942223, 0.8647314609210237514416802, and the period 6.325913982926228296341062."""


def three_bodies(m: list[float] | None = None) -> ZooSystem:
    """H = sum |p_j|²/2m_j - sum m_j m_k / |q_j - q_k| in the plane, from the figure eight's start.

    m: three masses; the figure eight has 1, 1, 1
    Source: Chenciner & Montgomery (2000) Ann. Math. 152, 881.
    """
    masses = [1.0, 1.0, 1.0] if m is None else m
    if len(masses) != 3:
        raise ValueError(f"m has {len(masses)} masses; 3 are needed")
    (x, y), (u, v) = POSITION, VELOCITY
    start = {"q": [x, y, -x, -y, 0.0, 0.0], "p": [u / 2, v / 2, u / 2, v / 2, -u, -v]}
    pairs = ((0, 1), (0, 2), (1, 2))
    distance = "sqrt((q[{0}] - q[{2}])^2 + (q[{1}] - q[{3}])^2)"
    definitions = {f"r{j}{k}": distance.format(2 * j, 2 * j + 1, 2 * k, 2 * k + 1) for j, k in pairs}
    kinetic = " + ".join(f"(p[{2 * j}]^2 + p[{2 * j + 1}]^2)/(2*m[{j}])" for j in range(3))
    potential = " - ".join(f"m[{j}]*m[{k}]/r{j}{k}" for j, k in pairs)
    return ZooSystem(
        name="three_bodies",
        title="three bodies on a figure eight",
        source="Chenciner & Montgomery (2000) Ann. Math. 152, 881",
        variables=("q[6]", "p[6]"),
        expression={"kinetic": kinetic, "potential": f"-{potential}"},
        parameters={"m": masses},
        definitions=definitions,
        conserved={
            "momentum_x": "p[0] + p[2] + p[4]",
            "momentum_y": "p[1] + p[3] + p[5]",
            "angular_momentum": " + ".join(
                f"q[{2 * j}]*p[{2 * j + 1}] - q[{2 * j + 1}]*p[{2 * j}]" for j in range(3)
            ),
        },
        initial=start,
        results=return_error,
        facts={"period": PERIOD},
    )


def return_error(series: Series) -> dict[str, float]:
    """Distance from the start at the last whole period, and how many periods that is."""
    if "q" not in series:
        return {}
    whole = np.flatnonzero(np.abs(series["time"] / PERIOD - np.rint(series["time"] / PERIOD)) < 1e-9)
    last = int(whole[-1])
    moved = np.concatenate([(series[name][last] - series[name][0]).ravel() for name in ("q", "p")])
    return {
        "periods": float(np.rint(series["time"][last] / PERIOD)),
        "return_error": float(np.linalg.norm(moved)),
    }
