"""The same flows on the CPU, fused with FFTW's transforms in two sweeps over memory for a Strang step."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from hpcphys.kernels.wisdom import planned
from hpcphys.physics.schrodinger.grid import WaveGrid
from hpcphys.physics.schrodinger.slabs import Columns
from hpcphys.physics.schrodinger.sweeps import Drift, Kick, directional

BLOCK_BYTES, LEAST_ROW, MOST_ROW = 1 << 17, 64, 512
"""Bytes of a block of columns, which stays in the second cache, and of one row of it: whole cache lines."""

EFFORTS = ("estimate", "measure", "patient")


class FusedSweeps:
    """Flows of a wavefunction by the kernels of split_operator_sweeps.h.

    mixed: whether ψ is in momenta along the trailing axes: in ψ itself on one rank, else in the windows that
        ranks exchange (twice the memory of ψ), while ψ itself is stale
    effort: of FFTW's planner; plans are remembered in the cache of the machine
    """

    def __init__(self, grid: WaveGrid, backend: Any, communicator: Any, effort: str = "measure"):
        if effort not in EFFORTS:
            raise ValueError(f"planner effort {effort!r}; allowed: {', '.join(EFFORTS)}")
        self.grid, self.backend = grid, backend
        real = "double" if grid.precision == "double" else "float"
        self.module = backend.module("split_operator", REAL=real)
        self.columns = Columns(grid, communicator)
        self.mixed = False
        self.effort = EFFORTS.index(effort)
        self._plans: dict[int, np.ndarray] = {}
        self._drifted: tuple[Any, Any] = (None, None)
        n = grid.points
        self._shape = (n[0], *(1,) * (3 - len(n)), *n[1:])[:3] if len(n) > 1 else (1, 1, n[0])
        row = min(max(BLOCK_BYTES // n[0], LEAST_ROW), MOST_ROW) // grid.complex_type.itemsize
        self._width = max(1, min(row, self.columns.width))
        self._windows()

    def advance(self, psi: np.ndarray, kick: Kick | None, drift: Drift) -> None:
        """ψ ← drift(kick(ψ)) from either representation; ψ is mixed afterwards, save on one axis."""
        normed = drift.factors[0] / np.asarray(self.grid.count, dtype=self.grid.real_type)
        plans = self._planned(psi)
        if self.grid.dimension == 1:
            self.module.host("wave_line", plans, psi.size, self._real(psi), *_told(kick), self._real(normed))
            return
        self._rows(psi, kick, forward=True)
        columns = self.columns
        if columns.size > 1:
            columns.forward.exchange(self.sent, self.received)
        own, others = (psi, None) if columns.size == 1 else (self.own, self.received)
        first, last = columns.rows[columns.rank]
        self.module.host(
            "wave_columns", plans, self.grid.points[0], columns.width, self._width, columns.width,
            self._real(own), self._real(others), first, last, self._real(normed),
            self._real(self._across(drift)),
        )  # fmt: skip
        if columns.size > 1:
            columns.backward.exchange(self.received, self.sent)

    def finish(self, psi: np.ndarray, kick: Kick | None) -> None:
        """ψ to positions, with the kick that is still due."""
        if self.mixed or kick is not None:
            self._rows(psi, kick, forward=False)

    def directional(self, psi: np.ndarray, axis: int, shift: np.ndarray, rate: complex) -> None:
        """See sweeps.directional; ψ must be in positions."""
        directional(self.backend, self.columns, psi, axis, shift, rate)

    def _rows(self, psi: np.ndarray, kick: Kick | None, forward: bool) -> None:
        columns = self.columns
        rows = len(psi)
        self.module.host(
            "wave_rows", self._planned(psi), rows, columns.trailing, self._real(psi), self.mixed, forward,
            *_told(kick), columns.size, columns.rank, self._bounds, self._places, self._real(self.sent),
            self._real(self.own),
        )  # fmt: skip
        self.mixed = forward

    def _across(self, drift: Drift) -> np.ndarray:
        """Factors of the trailing axes, one for each of this rank's columns."""
        if drift.factors is not self._drifted[0]:
            product = drift.factors[1]
            if self.grid.dimension == 3:
                product = (product[:, None] * drift.factors[2]).ravel()
            first, last = self.columns.columns[self.columns.rank]
            self._drifted = (drift.factors, np.ascontiguousarray(product[first:last]))
        return self._drifted[1]

    def _windows(self) -> None:
        """The memory of the mixed representation over several ranks."""
        columns, kind = self.columns, self.grid.complex_type
        self.own = self.sent = self.received = None
        self._bounds = np.array([a for a, _ in columns.columns] + [columns.trailing], dtype=np.int64)
        self._places = np.cumsum([0, *columns.send_counts[:-1]], dtype=np.int64)
        if columns.size > 1:
            first, last = columns.rows[columns.rank]
            self.own = np.empty((last - first) * columns.width, dtype=kind)
            self.sent = np.empty(sum(columns.send_counts), dtype=kind)
            self.received = np.empty(sum(columns.receive_counts), dtype=kind)

    def _planned(self, psi: np.ndarray) -> np.ndarray:
        """Plans for rows of ψ's alignment."""
        row = self.columns.trailing * psi.itemsize
        unaligned = int(psi.ctypes.data % 16 != 0 or row % 16 != 0)
        if unaligned not in self._plans:
            plans = np.zeros(6, dtype=np.int64)

            def plan() -> None:
                if plans[0]:
                    self.module.host("wave_forget", plans)
                failed = self.module.host(
                    "wave_plan", *self._shape, self._width, self.effort, unaligned, plans
                )
                if failed:
                    raise MemoryError(f"FFTW made no plan for {self.grid.points} (code {failed})")

            key = f"{self._shape} {self._width} {self.grid.precision} {self.effort} {unaligned}"
            planned(self.module, "split_operator", key, plan, "wave_export_wisdom", "wave_import_wisdom")
            weakref.finalize(self, self.module.host, "wave_forget", plans)
            self._plans[unaligned] = plans
        return self._plans[unaligned]

    def _real(self, array: np.ndarray | None) -> np.ndarray | None:
        return None if array is None else array.reshape(-1).view(self.grid.real_type)


def _told(kick: Kick | None) -> tuple[Any, ...]:
    """A kick as the kernels take it."""
    if kick is None:
        return (0, None, 0.0, None, 0.0, None, 0.0, None, 0)
    return (
        1, kick.values, kick.duration, kick.slope, kick.gradient, kick.damping, kick.strength, kick.exposure,
        int(kick.imaginary),
    )  # fmt: skip
