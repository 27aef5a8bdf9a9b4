"""What the tree and the direct sums share: names, softening, precision, and the layout of particles."""

from __future__ import annotations

from typing import Any

import numpy as np

from hpcphys.decomposition.communicator import Communicator
from hpcphys.decomposition.cuts import SPARSE
from hpcphys.decomposition.essential import EssentialTree
from hpcphys.decomposition.local_tree import LocalTree
from hpcphys.decomposition.octree import Octree

from .scales import Scales
from .softening import softening_define

LARGEST_GROUP = 256  # GROUP of kernels/gravity_groups.h
REAL = {"mixed": np.float32, "double": np.float64}


class GravityField:
    """A force field over particles in Hilbert order: subclasses fill state["acceleration"] in `evaluate`.

    reads, writes, optional: arrays of the state; `layout` brings the rows into the order they need.
    """

    name = "gravity"
    reads = frozenset({"position", "mass"})
    writes = frozenset({"acceleration", "work"})
    optional = frozenset({"potential"})

    def __init__(
        self,
        backend: Any,
        communicator: Communicator,
        module: str,
        softening: float,
        softening_kernel: str,
        precision: str,
        G: float,
        group_size: int,
        leaf_size: int,
        sparse: int = SPARSE,
        **defines: int,
    ):
        """module: name of the kernels' header, built with `defines`; see the subclasses for the rest.

        Raises ValueError for an unknown precision or softening kernel, or a bad length or size.
        """
        if precision not in REAL:
            raise ValueError(f"precision '{precision}' is unknown; choose mixed or double")
        if not 1 <= leaf_size <= group_size <= LARGEST_GROUP:
            raise ValueError(
                f"leaf_size {leaf_size}, group_size {group_size}: "
                f"needed is 1 ≤ leaf_size ≤ group_size ≤ {LARGEST_GROUP}"
            )
        define = softening_define(softening_kernel, softening)
        self.backend, self.communicator = backend, communicator
        self.softening = 0.0 if softening_kernel == "none" else float(softening)
        self.softening_kernel, self.precision, self.G = softening_kernel, precision, float(G)
        self.real = REAL[precision]
        real = "float" if precision == "mixed" else "double"
        self.module = backend.module(module, REAL=real, SOFTENING=define, **defines)
        self.layout = Octree(backend, communicator, group_size, sparse)
        self.tree = LocalTree(self.layout, self.module, self.real, leaf_size)
        self.essential = EssentialTree(self.tree, communicator)
        self.scales: Scales | None = None
        self._statistics: dict[str, float] = {}

    def statistics(self) -> dict[str, float]:
        """Counts of this rank's last evaluation; interactions are summed over its targets."""
        return dict(self._statistics)

    def _found_scales(self, state: Any) -> Scales:
        """The scales, from the first state that is seen.  Collective at the first call."""
        if self.scales is None:
            be = self.backend
            self.scales = Scales.of(self.communicator, be.host(state["position"]), be.host(state["mass"]))
        return self.scales
