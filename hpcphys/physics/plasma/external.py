"""Fields that are given, which act on particles beside their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from hpcphys.physics.plasma.staggering import place_in_cell, points

Function = Callable[..., np.ndarray]


class ExternalFields:
    """E and B that are functions of place and time, on the points of this rank's arrays, guards among them.

    electric, magnetic: three functions f(x[, y[, z]], t) each, or None where a component is zero
    driven: whether any of them depends on t: else they are evaluated once
    """

    def __init__(
        self, blocks: Any, lower: Sequence[float], spacing: Sequence[float],
        electric: Sequence[Function | None], magnetic: Sequence[Function | None], driven: bool, real: Any,
    ):  # fmt: skip
        self.blocks, self.driven, self.real = blocks, driven, real
        dimension = len(blocks.shape)
        self._given = {
            name: [
                None if function is None
                else (function, points(blocks, lower, spacing, place_in_cell(name, component, dimension)))
                for component, function in enumerate(functions)
            ]
            for name, functions in (("E", electric), ("B", magnetic))
        }  # fmt: skip
        self._time: float | None = None
        self._arrays: dict[str, Any] = {}
        self._sums: dict[str, Any] = {}

    def __bool__(self) -> bool:
        return any(entry is not None for entries in self._given.values() for entry in entries)

    def added(self, name: str, array: Any, time: float) -> Any:
        """array (3, *local), named "E" or "B", with the given field at this time; itself where there is none.

        What is returned is overwritten by the next call for the same name.
        Raises ArithmeticError where a function is not a number on some point.
        """
        if not any(entry is not None for entry in self._given[name]):
            return array
        self._evaluate(time)
        total = self._sums.setdefault(name, self.blocks.backend.zeros(tuple(array.shape), self.real))
        total[...] = array + self._arrays[name]
        return total

    def _evaluate(self, time: float) -> None:
        if self._arrays and (not self.driven or self._time == time):
            return
        for name, entries in self._given.items():
            values = np.zeros((3, *self.blocks.local_shape), self.real)
            for component, entry in enumerate(entries):
                if entry is not None:
                    function, places = entry
                    values[component] = function(*places, np.asarray(time))
            if not np.isfinite(values).all():
                raise ArithmeticError(f"the external {name} is not a number on some point at time {time:g}")
            self._arrays[name] = self.blocks.backend.array(values)
        self._time = time
