"""Evaluations on a device: lists are made on the host, their kernels run where the arrays are."""

from __future__ import annotations

from typing import Any

import numpy as np


class DeviceSteps:
    """Steps of a PairForces whose backend is not the CPU itself.  One rank."""

    def __init__(self, field: Any):
        if field.communicator.size > 1:
            raise ValueError(
                f"backend '{field.backend.name}': pair forces on devices run on one rank; use cpu"
            )
        self.field = field
        self._built: Any = None

    def evaluate(self, state: Any, with_totals: bool) -> bool:
        """The forces; False, and nothing done, if a new list is needed."""
        field, be = self.field, self.field.backend
        position = state["position"]
        n = len(position)
        if self._built is None or self._built.shape != position.shape:
            return False
        step = position - self._built
        moved = float((step * step).sum(axis=1).max()) ** 0.5 if n else 0.0
        field._displacement[0] = moved
        if not field.list_holds():
            return False
        slots = len(self.row_of)
        x = be.empty((slots // 8, 3, 8), field.real)
        whole = np.int64 if field.reproducible else field.real
        sums, totals = be.zeros((slots // 8, 3, 8), whole), None
        if with_totals:
            totals = be.zeros(7, field._totals.dtype)
        failed, bad = be.zeros(1, np.int32), be.zeros(2, np.int32)
        field.module.launch("pair_place", slots, self.row_of, self.origin, position, 64.0 * field.cutoff, x)
        field.module.launch(
            "pair_forces", self.entries, self.entry, self.clusters, self.masks, self.type, self.table,
            self.data,
            field.cutoff, field.potential.switch_from or 0.0, field.potential.types, field._unit_force,
            field._unit_total, x, sums, totals, failed,
        )  # fmt: skip
        force = be.empty((n, 3), field.real)
        largest = 3e38 if field.real == np.float32 else 1e300
        unit = field._unit_force if field.reproducible else 1.0
        field.module.launch("pair_collect", slots, self.row_of, sums, unit, largest, force, bad)
        if int(be.host(failed)[0]) or int(be.host(bad)[0]):
            slot = 4 * (int(be.host(failed)[0]) - 1)
            if int(be.host(bad)[0]):
                slot = int(np.flatnonzero(be.host(self.row_of) == int(be.host(bad)[1]))[0])
            raise field.overlap(state, slot)
        state["force"] = force
        if totals is not None:
            field._totals[:] = be.host(totals)
        return True

    def offer(self, state: Any) -> None:
        """Nothing: native loops run on the CPU."""
        return None

    def sort(self, state: Any) -> None:
        """All arrays of the state in the order of clusters."""
        field, be = self.field, self.field.backend
        order = np.empty(len(state["position"]), np.uint32)
        field.host.host("pairs_sort", field.handle, len(order), be.host(state["position"]), order)
        state.replace({name: be.array(be.host(state[name])[order]) for name in state})

    def build(self, state: Any) -> None:
        """The list, copied to the device."""
        field, be = self.field, self.field.backend
        excluded = field._exclusions
        types = be.host(state["type"]).astype(np.int32) if field.potential.types > 1 else None
        identity = be.host(state["id"]).astype(np.int64) if excluded is not None else None
        of, partner = (None, None) if excluded is None else excluded
        position = np.ascontiguousarray(be.host(state["position"]))
        field.host.host(
            "pairs_build", field.handle, len(position), position, types, 0, None, None, None, None, identity,
            None,
            0 if of is None else len(of), of, partner,
        )  # fmt: skip
        counts = field.statistics()
        slots = 8 * counts["blocks"]
        size = field.host.host("pairs_entry_bytes")
        entry = np.zeros((max(counts["entries"], 1), size), np.uint8)
        clusters, masks = (
            np.zeros(max(counts["listed"], 1), np.uint16),
            np.zeros(max(counts["masked"], 1), np.uint32),
        )
        row_of, origin, kind = (
            np.zeros(slots, np.int32),
            np.zeros((slots // 8, 3)),
            np.zeros(max(slots, 1), np.int32),
        )
        field.host.host("pairs_export", field.handle, entry, clusters, masks, row_of, origin, kind)
        self.entries = counts["entries"]
        self.entry, self.clusters, self.masks = be.array(entry), be.array(clusters), be.array(masks)
        self.row_of, self.origin, self.type = be.array(row_of), be.array(origin), be.array(kind)
        self.table, self.data = be.array(field.table), be.array(field.data)
        self._built = be.array(position.copy())
