"""The pressure tensor of a sample, and the parts of it that shear stress fluctuates in."""

from __future__ import annotations

from typing import Any

import numpy as np

from hpcphys.decomposition.communicator import Communicator


def kinetic_tensor(state, backend: Any, communicator: Communicator, reproducible: bool = False) -> np.ndarray:
    """Σ m v ⊗ v over the atoms of all ranks: (3, 3).  Collective.

    state: velocity (n, 3), mass (n,);  reproducible: the same bits on any number of ranks
    """
    velocity, mass = backend.host(state["velocity"]), backend.host(state["mass"])
    if reproducible:
        rows = mass[:, None, None] * velocity[:, :, None] * velocity[:, None, :]
        return communicator.sum_reproducible(rows)
    return communicator.allreduce((mass[:, None] * velocity).T @ velocity)


def pressure_tensor(kinetic: np.ndarray, virial: np.ndarray, volume: float) -> np.ndarray:
    """P = (Σ m v ⊗ v + W)/V, W = Σ_{i<j} r_ij ⊗ F_ij: (3, 3) [energy/volume]; the pressure is trace/3.

    kinetic, virial: (3, 3) [energy];  volume [length³]
    Source: Allen & Tildesley (2017), Computer Simulation of Liquids, 2nd ed., eq. 2.121.
    """
    if not volume > 0.0:
        raise ValueError(f"volume {volume}: it must be positive")
    return (np.asarray(kinetic) + np.asarray(virial)) / volume


def shear_components(pressure: np.ndarray) -> np.ndarray:
    """The traceless symmetric part of P as (6,): xx, yy, zz, xy, xz, yz (five of them independent)."""
    even = 0.5 * (pressure + pressure.T)
    even = even - np.trace(even) / 3.0 * np.eye(3)
    return np.array([even[0, 0], even[1, 1], even[2, 2], even[0, 1], even[0, 2], even[1, 2]])


SHEAR_WEIGHTS = np.array([1.0, 1.0, 1.0, 2.0, 2.0, 2.0]) / 10.0
"""Σ weights·(component)² is ⟨P_xy²⟩ in an isotropic fluid, from all components.

Source: Daivis & Evans (1994), J. Chem. Phys. 100, 541, eq. 9.
"""
