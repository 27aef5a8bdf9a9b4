"""Evaluations on the CPU, and the order of rows that they need."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from hpcphys.compiler.fused.calls import NativeCall, Offer
from hpcphys.forces.pairs.errors import OverlapError
from hpcphys.forces.pairs.standing import halo_calls


class NativeSteps:
    """Evaluations on the CPU: one native call per step, or several that overlap with communication."""

    def __init__(self, field: Any):
        self.field = field
        self._orders = np.zeros(0, np.uint32)
        self._halo_position: Any = None
        self._halo_force: Any = None

    def evaluate(self, state: Any, with_totals: bool) -> bool:
        """The forces; False, and nothing done, if a new list is needed."""
        field = self.field
        position = state["position"]
        n = len(position)
        force = state.get("force")
        if force is None or force.shape != (n, 3) or force.dtype != field.real:
            force = state["force"] = np.empty((n, 3), field.real)
        if field.communicator.size > 1:
            return self._evaluate_with_halo(state, position, force, with_totals)
        bad = field.host.host(
            "pairs_step",
            field.handle,
            n,
            position,
            force,
            int(with_totals),
            field._totals,
            field._displacement,
        )
        if bad == -2:
            return False
        if bad >= 0:
            raise field.overlap(state, bad)
        return True

    def offer(self, state: Any) -> Offer | None:
        """An evaluation for native loops; see PairForces.native_offer."""
        field = self.field
        force, several = state.get("force"), field.communicator.size > 1
        if force is None or force.dtype != field.real or len(force) != state.count:
            return None
        if several and (field.halo is None or field.reproducible):
            return None
        field.follow_box(state)
        totals, lists = bool(field.request_totals), self._may_list(state)

        def current() -> tuple[Any, ...]:
            numbers = field.evaluations_left(), field.request_totals, field.box_numbers(state)
            if several:  # a new list has another halo
                return (field.builds, *numbers)
            return (*map(id, self._others(state)), *numbers) if lists else numbers

        if several:
            return Offer(tuple(halo_calls(self, state, totals)), current(), current)
        given = (
            field.handle, state.count, state["position"], force, int(totals), field._totals,
            field._displacement,
        )  # fmt: skip
        if lists:
            return Offer((self._listing(state, given, totals),), current(), current)
        told = partial(field.evaluated, state, with_totals=totals)
        left = field.evaluations_left()
        call = NativeCall(field.host, "pairs_step", given, expected=-1, at_most=left, done=(told,))
        return Offer((call,), current(), current)

    def _others(self, state: Any) -> list[Any]:
        """The arrays whose rows a new list puts in order."""
        listed = self.field.kept_listed(state)
        return [array for array in (state[name] for name in state) if array is not listed]

    def _may_list(self, state: Any) -> bool:
        """Whether new lists can be made without Python: nobody has to know when, and the arrays fit."""
        field = self.field
        several, excluded = field.potential.types > 1, field._exclusions is not None
        return (
            field.builds > 0
            and field.cells is None
            and not field.rows_are_known
            and field.evaluations_left() is None
            and all(array.flags.c_contiguous and array.flags.writeable for array in self._others(state))
            and ("image" not in state or state["image"].dtype == np.int32)
            and (not several or state["type"].dtype == np.int32)
            and (not excluded or state["id"].dtype == np.int64)
        )

    def _listing(self, state: Any, given: tuple[Any, ...], totals: bool) -> NativeCall:
        """An evaluation that makes lists as well, and puts the rows of all arrays in their order."""
        field = self.field
        arrays, count = self._others(state), np.array([field._since_build, 0, 0], np.int64)
        types = state["type"] if field.potential.types > 1 else None
        identity = state["id"] if field._exclusions is not None else None
        of, partner = (None, None) if field._exclusions is None else field._exclusions
        rows = (state.get("image"), types, self._order(state.count), len(arrays), *_places(arrays))
        excluded = (identity, 0 if of is None else len(of), of, partner)
        told = partial(field.evaluated, state, with_totals=totals, lists=count)
        arguments = (*given, count, field.kept_listed(state), *rows, *excluded)
        return NativeCall(field.host, "pairs_step_listing", arguments, expected=-1, done=(told,))

    def _order(self, n: int) -> np.ndarray:
        """Room for the order of n rows."""
        if len(self._orders) < n:
            self._orders = np.empty(n + n // 8, np.uint32)
        return self._orders[:n]

    @property
    def copies(self) -> tuple[Any, Any]:
        """Positions and forces of the halo's rows."""
        return self._halo_position, self._halo_force

    def _evaluate_with_halo(self, state: Any, position: Any, force: Any, with_totals: bool) -> bool:
        field, call, handle, halo = self.field, self.field.host.host, self.field.handle, self.field.halo
        if halo is not None:
            halo.start_forward(position, self._halo_position)
        call("pairs_place", handle, len(position), position, field._displacement)
        if halo is None:
            field._displacement[0] = np.inf
        field._displacement[0] = field.communicator.allreduce(float(field._displacement[0]), "max")
        if not field.list_holds():
            if halo is not None:
                halo.finish()
            return False
        call("pairs_forces", handle, 0, int(with_totals))
        halo.finish()
        call("pairs_place_halo", handle, self._halo_position)
        call("pairs_forces", handle, 1, int(with_totals))
        bad = call("pairs_collect", handle, force, self._halo_force, field._totals)
        if field.communicator.agree(int(bad >= 0)):
            if bad >= 0:
                raise field.overlap(state, bad)
            raise OverlapError("atoms of another rank overlap")
        if field.reproducible:
            self._sum_fixed(force)
        else:
            halo.backward(self._halo_force, force)
        return True

    def _sum_fixed(self, force: np.ndarray) -> None:
        """Whole numbers of halo forces are added to the owners' before any rounding."""
        field = self.field
        field.host.host("pairs_whole", field.handle, self._whole, self._halo_whole)
        field.halo.backward(self._halo_whole, self._whole)
        np.multiply(self._whole, field._unit_force, out=force)

    def sort(self, state: Any) -> None:
        """All arrays of the state in the order of clusters, in place."""
        field, position = self.field, state["position"]
        n = len(position)
        order = self._order(n)
        field.host.host("pairs_sort", field.handle, n, position, order)
        arrays = [state[name] for name in state]
        for k, (name, array) in enumerate(zip(list(state), arrays, strict=True)):
            if not array.flags.c_contiguous or not array.flags.writeable:
                arrays[k] = state[name] = np.array(array)
        field.host.host("pairs_rows", field.handle, n, order, len(arrays), *_places(arrays))

    def build(self, state: Any) -> None:
        """The list of the rows as they are."""
        field, halo = self.field, self.field.halo
        n, h = len(state["position"]), 0 if halo is None else halo.count
        several, excluded = field.potential.types > 1, field._exclusions
        types = np.ascontiguousarray(state["type"], dtype=np.int32) if several else None
        identity = np.ascontiguousarray(state["id"], dtype=np.int64) if excluded is not None else None
        halo_types = halo_identity = shift = zone = None
        if halo is not None:
            self._halo_position, self._halo_force = np.empty((h, 3)), np.empty((h, 3), field.real)
            halo.forward(state["position"], self._halo_position)
            shift, zone = np.ascontiguousarray(halo.shift), np.ascontiguousarray(halo.zone)
            if several:
                halo_types = np.empty(h, np.int32)
                halo.forward(types, halo_types)
            if excluded is not None:
                halo_identity = np.empty(h, np.int64)
                halo.forward(identity, halo_identity)
            if field.reproducible:
                self._whole, self._halo_whole = np.empty((n, 3), np.int64), np.empty((h, 3), np.int64)
        of, partner = (None, None) if excluded is None else excluded
        code = field.host.host(
            "pairs_build", field.handle, n, state["position"], types, h, self._halo_position, shift, zone,
            halo_types, identity, halo_identity, 0 if of is None else len(of), of, partner,
        )  # fmt: skip
        if code:
            what = "2·10⁹ atoms or images" if code == 1 else "4·10⁹ pairs of clusters"
            raise ValueError(f"more than {what} on one rank; use more ranks")


def _places(arrays: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Addresses of arrays, and bytes of their rows."""
    addresses = np.array([array.ctypes.data for array in arrays], np.int64)
    return addresses, np.array([array.itemsize * math.prod(array.shape[1:]) for array in arrays], np.int64)
