"""Gravity by direct summation over all pairs: exact to rounding, O(N²), and the judge of the tree."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from hpcphys.decomposition.communicator import Communicator
from hpcphys.decomposition.local_tree import group_type

from .field import GravityField

GROUP_SIZE = 256
LEAF_SIZE = 32
SPARSE = 1 << 20  # groups need not be compact here: nothing is opened


class DirectGravity(GravityField):
    """a_i = G Σ_j m_j (r_j - r_i)/ρ³ over all pairs, ρ by the softening kernel; φ_i likewise.

    Particles are kept in the tree's groups; every group's sources go round all ranks in the order of the
    Hilbert curve, so the result does not depend on the number of ranks, bit for bit.  In "mixed" precision
    pairs are single precision about the groups' centres and each group's sum is added in double precision.
    """

    def __init__(
        self,
        backend: Any,
        communicator: Communicator,
        softening: float = 0.01,
        softening_kernel: str = "plummer",
        precision: str = "mixed",
        G: float = 1.0,
    ):
        """softening [length]; precision: "mixed" or "double".  Raises ValueError for a bad choice."""
        super().__init__(
            backend, communicator, "gravity_direct", softening, softening_kernel, precision, G, GROUP_SIZE,
            LEAF_SIZE, sparse=SPARSE, SPARSE=SPARSE,
        )  # fmt: skip

    def describe(self) -> str:
        """For `explain`."""
        return (
            f"direct sums over all pairs; softening {self.softening_kernel} {self.softening:g}; "
            f"{self.precision} precision; kernels group_sources, direct_sums, direct_results"
        )

    def evaluate(self, state: Any, outputs: Iterable[str] = frozenset()) -> None:
        """Fill state["acceleration"] (n, 3) and state["work"] (n,), and state["potential"] (n,) if in
        outputs.

        The state must be as the layout's last exchange left it.  Collective.
        """
        be, comm = self.backend, self.communicator
        position, mass = state["position"], state["mass"]
        n = len(position)
        scales = self._found_scales(state)
        scale, unit_mass = scales.length, scales.mass
        self.tree.build(position, mass, scale, unit_mass, 0)
        self.layout.release_keys()
        self.essential.join_top()
        record = group_type(self.real)
        rows = self.essential.groups
        groups = be.empty((len(rows), record.itemsize), np.uint8)
        self.module.launch("group_boxes", len(rows), be.array(rows), position, None, scale, 1.0, 0.0, groups)
        own = be.empty((n, 4), self.real)
        self.module.launch("group_sources", len(rows), groups, position, mass, scale, unit_mass, own)
        potential = "potential" in outputs
        sums = be.zeros((n, 5))
        pairs = 0
        epsilon = self.softening * scale
        for rank in range(comm.size):
            there, sources = self._of_rank(rank, groups, own)
            pairs += len(sources)
            self.module.launch(
                "direct_sums",
                len(rows),
                groups,
                own,
                len(there),
                there,
                sources,
                epsilon,
                int(rank == comm.rank),
                int(potential),
                sums,
            )
        acceleration = be.empty((n, 3), self.real)
        phi = be.empty(n, self.real) if potential else None
        self.module.launch(
            "direct_results", n, sums, mass, unit_mass, epsilon, self.G * scale * scale / unit_mass,
            self.G * scale / unit_mass, acceleration, phi,
        )  # fmt: skip
        state["acceleration"] = acceleration
        state["work"] = be.xp.full(n, float(pairs), dtype=np.float32)
        if potential:
            state["potential"] = phi
        self._statistics = {
            "particles": float(n), "groups": float(len(rows)), "pairs": float(pairs) * n,
            "migrated": float(self.layout.migrated),
        }  # fmt: skip

    def _of_rank(self, rank: int, groups: Any, own: Any) -> tuple[Any, Any]:
        """Groups and sources of one rank, on this rank's backend.  Collective."""
        if self.communicator.size == 1:
            return groups, own
        be = self.backend
        mine = (be.host(groups), be.host(own)) if rank == self.communicator.rank else None
        there, sources = self.communicator.bcast(mine, root=rank)
        return be.array(there), be.array(sources)
