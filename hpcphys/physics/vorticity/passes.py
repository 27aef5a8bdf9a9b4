"""The passes of a right-hand side on the CPU: FFTW inside fused native loops (kernels/vorticity_passes.h)."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from hpcphys.decomposition.pencils.windows import Windows
from hpcphys.kernels.plans import measured_plans
from hpcphys.physics.vorticity.grid import VorticityGrid, shares

PASSES = "vorticity_passes"  # functions of the host alone: no module for a GPU
VELOCITY, FIELD = 0, 1
TENDENCY, TRANSFORM = 4, 5
BLOCK_BYTES = 1 << 20  # of a block of columns: it stays in the second-level cache


class FusedPasses:
    """Columns, rows and the windows between them, for one grid and one rank.

    measured: FFTW measures its plans, once per machine (they are kept beside the compiled kernels); else it
        estimates them.  One rank: rows and columns are one buffer, nothing is moved.
    Memory: two buffers of this rank's 16 n (2K+1)/ranks bytes (one on one rank), half in single precision.
    """

    def __init__(self, grid: VorticityGrid, backend: Any, communicator: Any, measured: bool = True):
        self.grid = grid
        real = "double" if grid.precision == "double" else "float"
        self._module = module = backend.module(PASSES, REAL=real)
        rows = np.array(shares(grid.n, grid.size), dtype=np.int64)
        columns = np.array(shares(grid.cutoff + 1, grid.size), dtype=np.int64)
        line = 2 * grid.complex_type.itemsize * grid.n
        smallest = 64 // grid.complex_type.itemsize
        block = max(smallest, min(2 * smallest, BLOCK_BYTES // line // smallest * smallest))

        def make(thorough: int) -> int:
            return module.host(
                "vorticity_make",
                *(grid.n, grid.cutoff, grid.size, grid.rank),
                *(rows, columns, block, thorough),
            )

        def free(handle: int) -> None:
            module.host("vorticity_free", handle)

        if measured:
            measured = measured_plans(module, "vorticity", f"{real}-{grid.n}", lambda: free(make(1)))
        self._handle = make(int(measured))
        if not self._handle:
            raise RuntimeError(f"FFTW has no plan for {grid.n} points; choose another number of points")
        weakref.finalize(self, free, self._handle)
        lanes = 2 * np.diff(columns) - (columns[:-1] == 0) * (np.diff(columns) > 0)
        own, lines = int(lanes[grid.rank]), np.diff(rows)
        self._columns = np.zeros(own * grid.n, dtype=grid.complex_type)
        self._rows = self._columns
        self.bytes = self.messages = 0
        self.kept_bytes = 2 * own * int(lines[grid.rank]) * grid.complex_type.itemsize
        self._out = self._back = None
        if grid.size > 1:
            arriving = lanes * lines[grid.rank]
            self._rows = np.zeros(int(arriving.sum()), dtype=grid.complex_type)
            self._out = Windows(communicator, own * lines, arriving, grid.complex_type)
            self._back = Windows(communicator, arriving, own * lines, grid.complex_type)
            self.bytes = self._out.bytes + self._back.bytes
            self.messages = self._out.messages + self._back.messages

    def fill(self, what: int, spectral: Any) -> None:
        """Columns <- inverse transform over y of w (VELOCITY) or ω (FIELD) of a spectral array; then rows."""
        self._module.host(
            "vorticity_fill", self._handle, what, self._real(spectral), self._real(self._columns)
        )
        self._to_rows()

    def square(self) -> float:
        """Rows <- transform of w²; the largest |w|² of this rank (NaN if one is NaN); then columns."""
        largest = np.zeros(1)
        self._module.host("vorticity_square", self._handle, self._real(self._rows), largest)
        self._to_columns()
        return float(largest[0])

    def stage(
        self, stage: int, dt: float, state: Any, total: Any, decay: Any = None, filter_: Any = None
    ) -> None:
        """Forward transform over y, right-hand side, update; stages 0 to 2 go on to the next rows.

        decay: as `decay_factors` gives it; filter_: the grid's axis_filter, or None
        """
        arrays = (self._real(array) for array in (self._columns, state, total))
        self._module.host("vorticity_columns", self._handle, stage, dt, *arrays, decay, filter_)
        if stage < 3:
            self._to_rows()

    def lines(self) -> np.ndarray:
        """(lines, n) values on this rank's lines of the field that the rows hold."""
        first, last = self.grid.rows
        values = np.empty((last - first, self.grid.n), dtype=self.grid.real_type)
        self._module.host("vorticity_lines_out", self._handle, self._real(self._rows), values)
        return values

    def take_lines(self, values: np.ndarray) -> None:
        """Rows <- transform over x of real lines; then columns."""
        self._module.host("vorticity_lines_in", self._handle, self._real(self._rows), values)
        self._to_columns()

    def decay_factors(self, factors: np.ndarray) -> np.ndarray:
        """exp(-L dt/2) (columns, 2K+1) as the loops read it: k_y = 0 … K, each twice."""
        half = factors[:, : self.grid.cutoff + 1].astype(self.grid.real_type)
        return np.ascontiguousarray(np.repeat(half, 2, axis=1))

    def _real(self, array: np.ndarray) -> np.ndarray:
        return array.reshape(-1).view(self.grid.real_type)

    def _to_rows(self) -> None:
        if self._out is not None:
            self._out.exchange(self._columns, self._rows)

    def _to_columns(self) -> None:
        if self._back is not None:
            self._back.exchange(self._rows, self._columns)
