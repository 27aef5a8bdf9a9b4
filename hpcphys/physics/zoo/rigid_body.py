"""A rigid body without forces: Euler's equations and Jacobi's elliptic functions."""

from __future__ import annotations

import numpy as np

from hpcphys.physics.zoo.system import ZooSystem


def rigid_body(inertia: list[float] | None = None, m: list[float] | None = None) -> ZooSystem:
    """H = sum m_k²/2I_k on so(3), for an angular momentum m in the body's frame.

    inertia: principal moments I_0 < I_1 < I_2 [mass length²];  m: at the start
    Source: Landau & Lifshitz (1976), Mechanics, section 37; Hairer, Lubich & Wanner (2006), section VII.5.
    """
    moments, start = inertia or [0.6, 1.0, 1.4], m or [0.8, 0.05, 0.6]
    if sorted(moments) != moments or len(set(moments)) != 3 or moments[0] <= 0.0:
        raise ValueError(f"inertia {moments}; three positive moments in ascending order are needed")
    return ZooSystem(
        name="rigid_body",
        title="free rigid body",
        source="Landau & Lifshitz (1976), section 37",
        structure="so3",
        variables=("m[3]",),
        expression={f"axis_{k}": f"m[{k}]^2/(2*inertia[{k}])" for k in range(3)},
        parameters={"inertia": moments},
        initial={"m": start},
        reference=lambda time: {"m": angular_momentum(time, moments, start)},
        facts={"squared_momentum": float(np.dot(start, start))},
    )


def angular_momentum(time: np.ndarray, inertia: list[float], start: list[float]) -> np.ndarray:
    """m(t) of the free body, (times, 3), by Jacobi's elliptic functions.

    The axis with the smaller share turns by cn, the middle one by sn, the other by dn; the phase at t = 0 is
    that of `start`.  Source: Landau & Lifshitz (1976), equations (37.8) to (37.12).
    """
    from scipy.special import ellipj, ellipkinc

    i1, i2, i3 = inertia
    squared, energy = float(np.dot(start, start)), 0.5 * float(np.sum(np.square(start) / inertia))
    swapped = squared < 2.0 * energy * i2  # precession about the axis of the smallest moment
    if swapped:
        i1, i3 = i3, i1
    axes = (2, 1, 0) if swapped else (0, 1, 2)
    m1, m2, m3 = (start[axis] for axis in axes)
    # In terms of angular velocity: w1 = A cn, w2 = B sn, w3 = C dn, with the signs of the start.
    a = np.sqrt((2.0 * energy * i3 - squared) / (i1 * (i3 - i1)))
    b = np.sqrt((2.0 * energy * i3 - squared) / (i2 * (i3 - i2)))
    c = np.sqrt((squared - 2.0 * energy * i1) / (i3 * (i3 - i1)))
    rate = np.sqrt((i3 - i2) * (squared - 2.0 * energy * i1) / (i1 * i2 * i3))
    k2 = (i2 - i1) * (2.0 * energy * i3 - squared) / ((i3 - i2) * (squared - 2.0 * energy * i1))
    side = 1.0 if m3 >= 0.0 else -1.0
    # Exchanging two axes turns both the order of the moments and the orientation round: no sign is left.
    phase = np.arctan2(m2 / (i2 * b), m1 / (i1 * a))
    u = side * rate * np.asarray(time) + ellipkinc(phase, k2)
    sn, cn, dn, _ = ellipj(u, k2)
    found = np.stack([i1 * a * cn, i2 * b * sn, side * i3 * c * dn], axis=-1)
    return found[..., list(axes)]
