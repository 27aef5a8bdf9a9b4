"""A satellite that points at its planet: attitude under the gradient of gravity on a circular orbit."""

from __future__ import annotations

import math

import numpy as np

from hpcphys.physics.zoo.system import Series, ZooSystem


def satellite(
    inertia: list[float] | None = None, rate: float = 1.0, pitch: float = 0.2, roll: float = 0.05
) -> ZooSystem:
    """H = sum m_k²/2I_k - rate normal.m + 3/2 rate² radial.I radial, on so(3) with two vectors.

    radial and normal: away from the planet, and of the orbit's plane, seen from the body; both are fixed in
    the orbit's frame, which turns at `rate` about the normal, so that H (and not the energy) is conserved.
    inertia: I_roll, I_pitch, I_yaw about the axes along the orbit, the normal and the radius at rest; at rest
        is stable for I_pitch > I_roll > I_yaw.  Small pitch librations have the frequency
        rate sqrt(3 (I_roll - I_yaw)/I_pitch).
    pitch, roll: angles at the start [rad]
    Source: Beletsky (1966), Motion of an Artificial Satellite about its Center of Mass, section 1; Hughes
    (1986), Spacecraft Attitude Dynamics, section 9.1.
    """
    moments = inertia or [1.0, 1.2, 0.4]
    if len(moments) != 3 or min(moments) <= 0.0:
        raise ValueError(f"inertia {moments}; three positive moments are needed")
    c, s = math.cos(pitch), math.sin(pitch)
    a, b = math.cos(roll), math.sin(roll)
    # Rotations of the body by `pitch` about the normal and by `roll` about its first axis, applied to e_3,
    # e_2.
    radial = [-s, c * b, c * a]
    normal = [0.0, a, -b]
    libration = rate * math.sqrt(max(0.0, 3.0 * (moments[0] - moments[2]) / moments[1]))
    return ZooSystem(
        name="satellite",
        title="satellite with gravity gradient",
        source="Hughes (1986), Spacecraft Attitude Dynamics, section 9.1",
        structure="se3",
        variables=("m[3]", "radial[3]", "normal[3]"),
        expression={
            **{f"axis_{k}": f"m[{k}]^2/(2*inertia[{k}])" for k in range(3)},
            "orbit": "-rate*dot(normal, m)",
            "gradient": "3/2*rate^2*sum(inertia[k]*radial[k]^2, k, 0, 2)",
        },
        pieces=True,
        parameters={"inertia": moments, "rate": rate},
        observables={
            "pitch": "asin(max(-1, min(1, -radial[0])))",
            "roll": "asin(max(-1, min(1, -normal[2])))",
        },
        initial={
            "m": [rate * moment * n for moment, n in zip(moments, normal, strict=True)],
            "radial": radial,
            "normal": normal,
        },
        results=librations,
        facts={"libration_frequency": libration},
    )


def librations(series: Series) -> dict[str, float]:
    """Frequency of the pitch from its passages through zero, upwards."""
    time, pitch = series["time"], series["pitch"]
    up = np.flatnonzero((pitch[:-1] < 0.0) & (pitch[1:] >= 0.0))
    if up.size < 2:
        return {}
    crossing = time[up] - pitch[up] * (time[up + 1] - time[up]) / (pitch[up + 1] - pitch[up])
    return {"pitch_frequency": float(2.0 * np.pi * (up.size - 1) / (crossing[-1] - crossing[0]))}
