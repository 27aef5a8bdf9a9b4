"""The measured error of a force field: a sample of its accelerations against direct sums in double
precision."""

from __future__ import annotations

from typing import Any

import numpy as np

from hpcphys.decomposition.communicator import Communicator
from hpcphys.decomposition.local_tree import group_type

from .direct import SPARSE
from .softening import softening_define

CHUNK = 65536  # sources at a time
GROUP = 256  # as in kernels/gravity_tree.h
SCRAMBLE = np.uint64(0x9E3779B97F4A7C15)


def sampled_error(field: Any, state: Any, communicator: Communicator, sample: int) -> tuple[float, float]:
    """Median and 99th percentile of |a - a_direct|/|a_direct| over `sample` particles drawn by their id.

    field: TreeGravity or DirectGravity, whose acceleration is in the state; the direct sums use its
    softening. The drawn particles do not depend on the number of ranks.  Cost: sample × N pairs, shared by
    the ranks. Collective. A particle that feels no force at all counts by the absolute size of its
    acceleration's error over the mean |a|.
    """
    be = field.backend
    rows = _drawn(be.host(state["id"]), communicator, sample)
    position, mass = state["position"], state["mass"]
    told = communicator.allgather(
        (be.host(position)[rows], be.host(state["acceleration"])[rows].astype(np.float64))
    )
    targets = np.concatenate([t[0] for t in told])
    found = np.concatenate([t[1] for t in told])
    if len(targets) == 0:
        return 0.0, 0.0
    exact = field.G * communicator.allreduce(direct_sample(field, targets, position, mass), "sum")
    size = np.sqrt(np.einsum("ij,ij->i", exact, exact))
    difference = found - exact
    error = np.sqrt(np.einsum("ij,ij->i", difference, difference))
    relative = error / np.where(size > 1e-12 * size.mean(), size, size.mean() or 1.0)
    return float(np.median(relative)), float(np.percentile(relative, 99))


def direct_sample(field: Any, targets: np.ndarray, position: Any, mass: Any) -> np.ndarray:
    """Σ_j m_j (r_j - r)/ρ³ at the targets (k, 3) over this rank's particles, in double precision: (k, 3)."""
    be = field.backend
    define = softening_define(field.softening_kernel, field.softening)
    module = be.module("gravity_direct", REAL="double", SOFTENING=define, SPARSE=SPARSE)
    origin = targets.mean(axis=0)
    scale = field.scales.length if field.scales is not None else 1.0
    groups = _runs(len(targets), 0)
    own = np.zeros((len(targets), 4))
    own[:, :3] = (targets - origin) * scale
    own, groups, sums = be.array(own), be.array(_bytes(groups)), be.zeros((len(targets), 5))
    for first in range(0, len(position), CHUNK):
        part = be.host(position[first : first + CHUNK])
        sources = np.empty((len(part), 4))
        sources[:, :3] = (part - origin) * scale
        sources[:, 3] = be.host(mass[first : first + CHUNK])
        there = _runs(len(part), 0)
        module.launch(
            "direct_sums", len(groups), groups, own, len(there), be.array(_bytes(there)), be.array(sources),
            field.softening * scale, 0, 0, sums,
        )  # fmt: skip
    return be.host(sums)[:, :3] * scale * scale


def _drawn(identity: np.ndarray, communicator: Communicator, sample: int) -> np.ndarray:
    """Local rows of the `sample` particles of all ranks whose scrambled ids are smallest."""
    scrambled = identity.astype(np.uint64) * SCRAMBLE
    scrambled ^= scrambled >> np.uint64(29)
    mine = (
        np.sort(scrambled)[:sample]
        if len(scrambled) <= sample
        else np.sort(np.partition(scrambled, sample)[:sample])
    )
    smallest = np.sort(np.concatenate(communicator.allgather(mine)))[:sample]
    return np.flatnonzero(scrambled <= smallest[-1]) if len(smallest) else np.zeros(0, np.int64)


def _runs(count: int, first: int) -> np.ndarray:
    """Group records over consecutive rows, all about the origin."""
    starts = np.arange(0, count, GROUP)
    groups = np.zeros(len(starts), group_type(np.float64))
    groups["first"] = first + starts
    groups["count"] = np.minimum(GROUP, count - starts)
    return groups


def _bytes(records: np.ndarray) -> np.ndarray:
    return records.view(np.uint8).reshape(len(records), -1)
