"""Hénon and Heiles' star in a galaxy: order and chaos at one energy."""

from __future__ import annotations

import numpy as np

from hpcphys.physics.zoo.system import Series, ZooSystem


def henon_heiles(energy: float = 0.125) -> ZooSystem:
    """H = (p.p + q.q)/2 + q_0² q_1 - q_1³/3; all systems of a batch start on the section q_0 = 0, p_0 > 0.

    energy: E, at most 1/6, where the potential opens.  At 1/12 all is ordered, at 1/8 islands lie in chaos.
    Source: Hénon & Heiles (1964) Astron. J. 69, 73, equations (11) and figures 4 to 6.
    """
    if not 0.0 < energy <= 1.0 / 6.0:
        raise ValueError(f"energy {energy} is not bound; allowed: above 0, at most 1/6")
    roots = np.sort(np.roots([-1.0 / 3.0, 0.5, 0.0, -energy]).real)  # y²/2 - y³/3 = E
    low, high = roots[0], roots[1]
    return ZooSystem(
        name="henon_heiles",
        title=f"Hénon-Heiles, E = {energy:.5g}",
        source="Hénon & Heiles (1964) Astron. J. 69, 73",
        variables=("q[2]", "p[2]"),
        expression={"kinetic": "dot(p, p)/2", "potential": "dot(q, q)/2 + q[0]^2*q[1] - q[1]^3/3"},
        parameters={"level": energy},
        initial={"q": [0.0, "y"], "p": ["sqrt(2*level - y^2 + 2/3*y^3 - v^2)", "v"]},
        random={
            "y": f"({float(low)!r}) + {float(high - low)!r}*uniform",
            "v": "(2*uniform - 1)*sqrt(2*level - y^2 + 2/3*y^3)",
        },
        results=crossings_counted,
        trajectories=64,
    )


def section(series: Series) -> list[tuple[np.ndarray, np.ndarray]]:
    """(q_1, p_1) of every passage of each trajectory through q_0 = 0 with p_0 > 0.

    Rows are joined by cubics through four neighbours: q_0 -> time by Newton's method, then q_1 and p_1.
    """
    found = []
    for system in range(series["q"].shape[1]):
        q, p = series["q"][:, system], series["p"][:, system]
        before = np.flatnonzero((q[1:-2, 0] < 0.0) & (q[2:-1, 0] >= 0.0)) + 1
        stencil = before[:, None] + np.arange(-1, 3)
        x = q[stencil, 0]
        s = -x[:, 1] / (x[:, 2] - x[:, 1])
        for _ in range(4):
            slope = (cubic(x, s + 1e-6) - cubic(x, s - 1e-6)) / 2e-6
            s = s - cubic(x, s) / slope
        found.append((cubic(q[stencil, 1], s), cubic(p[stencil, 1], s)))
    return found


def cubic(values: np.ndarray, s: np.ndarray) -> np.ndarray:
    """Lagrange's cubic through values (n, 4) at -1, 0, 1, 2, at the places s (n,)."""
    a, b, c, d = values.T
    return (
        -a * s * (s - 1) * (s - 2) / 6 + b * (s + 1) * (s - 1) * (s - 2) / 2
        - c * (s + 1) * s * (s - 2) / 2 + d * (s + 1) * s * (s - 1) / 6
    )  # fmt: skip


def crossings_counted(series: Series) -> dict[str, float]:
    """How many points the section has."""
    if "q" not in series:
        return {}
    return {"section_points": float(sum(len(y) for y, _ in section(series)))}
