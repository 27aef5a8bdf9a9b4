"""Gravity by the distributed octree: cells with quadrupoles, walked by groups of neighbouring particles."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from hpcphys.decomposition.communicator import Communicator
from hpcphys.decomposition.local_tree import group_type

from .field import GravityField

GROUP_SIZE = 128  # most targets that walk together: the fastest of 96 … 256 on AVX-512 (scaling/force.py)
LEAF_SIZE = 20  # most particles of a leaf: the fastest of 8 … 32
GUARD = 0.85  # relative criterion: a cell's radius must stay below this fraction of its distance
SMOOTH = 0.65  # a group's size must stay below this fraction of a cell's distance to share a local expansion
LOCAL_WEIGHT = (
    30.0  # weight of an expansion's error m/d² x⁴/(1-x)², x = size/d, beside a third of a cell's bound
)
KEEP_BYTES = 64 << 20  # a larger tree is given back after use: the next exchange of rows needs the room


class TreeGravity(GravityField):
    """a_i = -∇φ_i, φ_i = -G Σ_j m_j / r_ij (softened), to an accuracy set by an opening criterion.

    A cell of radius b (no particle is farther from its centre of mass) at distance d from a group's bounding
    box is one source, with its quadrupole, when
        geometric:  b < θ d,
        relative:   G m/d² (4x³ - 3x⁴)/(1-x)² < 3 α |a|,  x = b/d < 0.85,   |a| the smallest last acceleration
                    of the group
    (the bound of Salmon & Warren 1994, J. Comput. Phys. 111, 136, for what the quadrupole leaves out, against
    the last acceleration as in Springel 2005, MNRAS 364, 1105, eq. 18).  Cells far compared with the whole
    group are summed once per group as a fourth-order polynomial.  Without a last acceleration the first
    evaluation is made twice, geometric then relative.

    Forces are one-sided, so their sum is not exactly zero; with `conserve_momentum` every particle gives up
    the same small fraction of its own |a| (some 1e-5, far below the force error): a ← a - |a| Σ m a/Σ m |a|,
    and total momentum is conserved to rounding.
    The result does not depend on the number of ranks or threads, bit for bit.
    """

    def __init__(
        self,
        backend: Any,
        communicator: Communicator,
        softening: float = 0.01,
        softening_kernel: str = "plummer",
        criterion: str = "relative",
        tolerance: float = 0.01,
        opening_angle: float = 0.6,
        precision: str = "mixed",
        G: float = 1.0,
        conserve_momentum: bool = True,
        group_size: int = GROUP_SIZE,
        leaf_size: int = LEAF_SIZE,
    ):
        """softening [length]; tolerance: α; opening_angle: θ; G [length³/(mass·time²)];
        precision: "mixed" (single-precision pairs about local origins, double-precision sums) or "double".

        Raises ValueError for a bad choice.
        """
        if criterion not in ("relative", "geometric"):
            raise ValueError(f"criterion '{criterion}' is unknown; choose relative or geometric")
        super().__init__(
            backend, communicator, "gravity_tree", softening, softening_kernel, precision, G, group_size,
            leaf_size, LEAF=leaf_size,
        )  # fmt: skip
        self.criterion, self.tolerance, self.opening_angle = criterion, float(tolerance), float(opening_angle)
        self.conserve_momentum = conserve_momentum
        self._imports = 0

    def describe(self) -> str:
        """For `explain`: method, criterion, softening, arithmetic, kernels."""
        rule = (
            f"relative criterion, tolerance {self.tolerance:g}"
            if self.criterion == "relative"
            else f"geometric criterion, opening angle {self.opening_angle:g}"
        )
        return (
            f"tree with quadrupoles and local expansions, {rule}; softening {self.softening_kernel} "
            f"{self.softening:g}; {self.precision} precision; momentum "
            f"{'corrected' if self.conserve_momentum else 'not corrected'}; "
            "kernels split_cells, leaf_moments, merge_moments, group_boxes, tree_forces"
        )

    def evaluate(self, state: Any, outputs: Iterable[str] = frozenset()) -> None:
        """Fill state["acceleration"] (n, 3) and state["work"] (n,), and state["potential"] (n,) if in
        outputs.

        The state must be as the layout's last exchange left it.  Collective.
        Raises RuntimeError if an essential tree was incomplete (a defect of the program, not of the input).
        """
        scales = self._found_scales(state)
        self.tree.build(state["position"], state["mass"], scales.length, scales.mass, self._imports)
        self.layout.release_keys()
        self.essential.join_top()
        wanted = "potential" in outputs
        if self.criterion == "geometric":
            self._forces(state, relative=False, potential=wanted)
        else:
            # Whether a last acceleration exists must be the same on every rank, empty ones too.
            if "acceleration" not in state:
                self._forces(state, relative=False, potential=False)
            self._forces(state, relative=True, potential=wanted)
        self._imports = self.essential.imported_nodes + self.essential.imported_sources
        if self.tree.nbytes > KEEP_BYTES:
            self.tree.release()

    def _forces(self, state: Any, relative: bool, potential: bool) -> None:
        be, n = self.backend, len(state["position"])
        scale, unit_mass = self.scales.length, self.scales.mass
        out_acceleration = self.G * scale * scale / unit_mass
        out_potential = self.G * scale / unit_mass
        rows = self.essential.groups
        count = len(rows)
        record = group_type(self.real)
        groups = be.empty((count, record.itemsize), np.uint8)
        old = state["acceleration"] if relative else None
        self.module.launch(
            "group_boxes", count, be.array(rows), state["position"], old, scale, 1.0 / out_acceleration,
            self.tolerance if relative else 0.0, groups,
        )  # fmt: skip
        angle = GUARD if relative else self.opening_angle
        # Geometric: a local expansion's error, LOCAL_WEIGHT times x⁴/(1-x)² or some 2 x⁴ here, may be as
        # large as a cell's θ³.
        smooth = SMOOTH if relative else min(SMOOTH, (angle**3 / (2 * LOCAL_WEIGHT)) ** 0.25)
        epsilon = self.softening * scale
        self.essential.import_nodes(groups, relative, angle, epsilon)
        # The groups hold what is needed of the last acceleration: its array takes the new one.
        acceleration = self._array(state, "acceleration", (n, 3), self.real)
        phi = self._array(state, "potential", (n,), self.real) if potential else None
        work, counts = self._array(state, "work", (n,), np.float32), be.empty((count, 3), np.int32)
        failures = be.zeros(1, np.int32)
        self.module.launch(
            "tree_forces", count, groups, self.tree.nodes, self.tree.sources, self.essential.root,
            state["position"], state["mass"], int(relative), angle, smooth, LOCAL_WEIGHT, epsilon, scale,
            unit_mass, out_acceleration, out_potential, acceleration, phi, work, counts, failures,
        )  # fmt: skip
        if int(be.host(failures)[0]):
            raise RuntimeError(
                f"rank {self.communicator.rank}: {int(be.host(failures)[0])} groups wanted nodes that their "
                "owners had not sent; please report this job as a defect"
            )
        if self.conserve_momentum:
            self._balance(groups, count, state["mass"], acceleration)
        state["acceleration"], state["work"] = acceleration, work
        if potential:
            state["potential"] = phi
        self._count(be.host(counts), rows)

    def _array(self, state: Any, name: str, shape: tuple[int, ...], dtype: Any) -> Any:
        """The state's array `name` to be written over, or a new one."""
        if name in state and state[name].shape == shape and state[name].dtype == dtype:
            return state[name]
        return self.backend.empty(shape, dtype)

    def _balance(self, groups: Any, count: int, mass: Any, acceleration: Any) -> None:
        """a ← a - c |a| with c = Σ m a / Σ m |a|, the sums over all particles of all ranks."""
        be = self.backend
        force = be.empty((count, 4))
        self.module.launch("group_forces", count, groups, mass, acceleration, force)
        *net, size = (float(s) for s in self.communicator.sum_reproducible(be.host(force)))
        if size > 0:
            self.module.launch("balance_forces", len(acceleration), acceleration, *(f / size for f in net))

    def _count(self, counts: np.ndarray, rows: np.ndarray) -> None:
        weighted = counts.astype(np.float64) * rows[:, 1:2]
        size = self.tree.node.itemsize
        per_source = 4 * np.dtype(self.real).itemsize
        self._statistics = {
            "particles": float(rows[:, 1].sum()),
            "groups": float(len(rows)),
            "nodes": float(self.tree.count),
            "pairs": float(weighted[:, 0].sum()),
            "cells": float(weighted[:, 1].sum()),
            "distant_cells": float(weighted[:, 2].sum()),
            "imported_nodes": float(self.essential.imported_nodes),
            "imported_particles": float(self.essential.imported_sources),
            "imported_bytes": float(
                size * self.essential.imported_nodes + per_source * self.essential.imported_sources
            ),
            "migrated": float(self.layout.migrated),
        }
