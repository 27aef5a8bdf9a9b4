"""Two orbits to measure compositions on: Kepler's ellipse and Hénon and Heiles' galactic potential.

Both are (n, 2) rows of positions and velocities, unit mass, in any floating type, with a kick that knows its
force gradient.  Long doubles push rounding out of the way of high orders.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from hpcphys.compiler.pieces import Piece, drift
from hpcphys.compiler.state import State
from hpcphys.compiler.structures import CanonicalStructure
from hpcphys.compiler.system import PhysicalSystem

Rows = Any


def system(
    position: Rows, velocity: Rows, force: Callable[[Rows], Rows], slope: Callable[[Rows], Rows]
) -> Any:
    """H = p²/2 + V(q) with unit mass.  force: -grad V;  slope: grad |F|², both (n, 2) rows."""
    state = State({"position": position, "velocity": velocity, "mass": np.ones(len(position))})

    def flow_drift(state: State, dt: float) -> None:
        state["position"] += dt * state["velocity"]

    def flow_kick(state: State, dt: float) -> None:
        state["velocity"] += dt * force(state["position"])

    def gradient_flow(state: State, dt: float, gradient: float) -> None:
        state["velocity"] += dt * force(state["position"]) + gradient * slope(state["position"])

    kick = Piece(
        "kick",
        "dv/dt = -grad V",
        frozenset({"position", "velocity"}),
        frozenset({"velocity"}),
        flow_kick,
        role="B",
        gradient_flow=gradient_flow,
    )
    return PhysicalSystem(state, (drift(flow_drift), kick), CanonicalStructure(), quadratic_kinetic=True)


def kepler(eccentricity: float = 0.3, dtype: Any = np.longdouble) -> PhysicalSystem:
    """V = -1/r, semi-major axis 1, period 2 pi, at apocentre (1 + e, 0)."""
    e = dtype(eccentricity)
    position = np.array([[1 + e, 0]], dtype=dtype)
    velocity = np.array([[0, np.sqrt((1 - e) / (1 + e))]], dtype=dtype)

    def squared(q: Rows) -> Rows:
        return (q * q).sum(axis=1, keepdims=True)

    return system(
        position, velocity, lambda q: -q / squared(q) ** dtype(1.5), lambda q: -4 * q / squared(q) ** 3
    )


def kepler_position(time: float, eccentricity: float = 0.3, dtype: Any = np.longdouble) -> Rows:
    """(1, 2) position of `kepler` at a time, by Kepler's equation E - e sin E = pi + t."""
    e = dtype(eccentricity)
    mean = 4 * np.arctan(dtype(1)) + dtype(time)
    anomaly = mean
    for _ in range(60):
        anomaly = anomaly - (anomaly - e * np.sin(anomaly) - mean) / (1 - e * np.cos(anomaly))
    # The pericentre lies on the negative x axis.
    return np.array([[e - np.cos(anomaly), -np.sqrt(1 - e * e) * np.sin(anomaly)]], dtype=dtype)


def henon_heiles(energy: float = 1.0 / 12.0, y: float = 0.1, dtype: Any = np.longdouble) -> PhysicalSystem:
    """V = (x² + y²)/2 + x² y - y³/3, from (0, y) with the velocity along x.

    At the energy 1/12 of Hénon & Heiles (1964) Astron. J. 69, 73, figure 4, all orbits are regular.
    """
    start = dtype(y)
    speed = np.sqrt(2 * dtype(energy) - start**2 + 2 * start**3 / 3)

    def force(q: Rows) -> Rows:
        x, y = q[:, 0], q[:, 1]
        return np.stack([-x - 2 * x * y, -y - x * x + y * y], axis=1)

    def slope(q: Rows) -> Rows:
        x, y = q[:, 0], q[:, 1]
        fx, fy = force(q).T
        # grad |F|² = -2 V'' F
        return -2 * np.stack([(1 + 2 * y) * fx + 2 * x * fy, 2 * x * fx + (1 - 2 * y) * fy], axis=1)

    return system(np.array([[0, start]], dtype=dtype), np.array([[speed, 0]], dtype=dtype), force, slope)
