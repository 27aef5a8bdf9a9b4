"""A heavy top with a fixed point: Lagrange's and Kovalevskaya's integrable cases, and all others."""

from __future__ import annotations

from hpcphys.physics.zoo.system import ZooSystem

CASES: dict[str, tuple[list[float], list[float]]] = {
    "lagrange": ([1.0, 1.0, 0.5], [0.0, 0.0, 1.0]),
    "kovalevskaya": ([2.0, 2.0, 1.0], [1.0, 0.0, 0.0]),
    "general": ([1.0, 1.5, 0.7], [0.5, 0.2, 0.8]),
}
"""Moments of inertia and the direction of the centre of mass, in the body's frame."""


def heavy_top(case: str = "lagrange", weight: float = 1.0, spin: float = 2.0) -> ZooSystem:
    """H = sum m_k²/2I_k + weight centre . gamma on se(3): gamma is the vertical seen from the body.

    case: lagrange (symmetric, centre of mass on its axis: m_2 is conserved), kovalevskaya (I = 2, 2, 1,
    centre
        of mass in the equator: |(w_0 + i w_1)² - weight (gamma_0 + i gamma_1)|² is conserved) or general
    weight: mass g distance [energy];  spin: angular velocity about the third axis at the start
    Casimirs: gamma.gamma = 1 and m.gamma, the angular momentum about the vertical.
    Source: Arnold (1989), section 30; Kovalevskaya (1889) Acta Math. 12, 177; Audin (1996), Spinning Tops.
    """
    if case not in CASES:
        raise ValueError(f"case {case!r}; allowed: {', '.join(CASES)}")
    inertia, centre = CASES[case]
    conserved = {
        "lagrange": {"spin": "m[2]"},
        "kovalevskaya": {
            "kovalevskaya": "((m[0]^2 - m[1]^2)/4 - weight*gamma[0])^2 + (m[0]*m[1]/2 - weight*gamma[1])^2"
        },
        "general": {},
    }
    return ZooSystem(
        name="heavy_top",
        title=f"heavy top, {case}",
        source="Arnold (1989), section 30; Kovalevskaya (1889) Acta Math. 12, 177",
        structure="se3",
        variables=("m[3]", "gamma[3]"),
        expression={
            **{f"axis_{k}": f"m[{k}]^2/(2*inertia[{k}])" for k in range(3)},
            "potential": "weight*dot(centre, gamma)",
        },
        parameters={"inertia": inertia, "centre": centre, "weight": weight},
        conserved=conserved[case],
        observables={"tilt": "acos(min(1, max(-1, dot(centre, gamma)/norm(centre))))"},
        initial={"m": [0.3, 0.0, spin * inertia[2]], "gamma": [0.6, 0.0, 0.8]},
    )
