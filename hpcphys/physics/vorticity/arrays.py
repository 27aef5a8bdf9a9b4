"""The passes of a right-hand side on arrays of a backend: cuFFT on a GPU, NumPy where it is emulated.

The same interface and the same windows between ranks as `passes.FusedPasses`, without its fusion: memory
holds whole arrays between a transform and the element kernels (kernels/vorticity_elements.h).
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from hpcphys.decomposition.pencils.windows import Windows
from hpcphys.physics.vorticity.grid import VorticityGrid, shares

FIELD, TRANSFORM = 1, 5


class ArrayPasses:
    """Columns (lanes, n) over y and lines (n, lines) over x as arrays of the backend.

    Lanes: k_x = first … last-1, then -k_x of the same, without -0. On several ranks windows go through the
    host's memory.
    """

    def __init__(self, grid: VorticityGrid, backend: Any, communicator: Any):
        self.grid, self.backend = grid, backend
        self._kernels = backend.module(
            "vorticity_elements", REAL="double" if grid.precision == "double" else "float"
        )
        self._bounds = shares(grid.n, grid.size)
        columns = shares(grid.cutoff + 1, grid.size)
        owned = [_lanes(*pair) for pair in pairwise(columns)]
        self._order = backend.array(np.concatenate(owned) % grid.n)
        self._zero = int(grid.columns[0] == 0 < grid.shape[0])  # of this rank's lanes -0 is left out
        first, last = grid.rows
        self._lines = last - first
        lanes = np.array([len(numbers) for numbers in owned], dtype=np.int64)
        own = int(lanes[grid.rank])
        self._counts = lanes * self._lines
        self._next = backend.empty(grid.shape, grid.complex_type)
        self._pair = backend.zeros((2, grid.shape[0], grid.n), grid.complex_type)
        self._spectrum: Any = None
        self.bytes = self.messages = 0
        self.kept_bytes = 2 * own * self._lines * grid.complex_type.itemsize
        self._out = self._back = None
        if grid.size > 1:
            leaving = own * np.diff(self._bounds)
            self._out = Windows(communicator, leaving, self._counts, grid.complex_type)
            self._back = Windows(communicator, self._counts, leaving, grid.complex_type)
            self.bytes = self._out.bytes + self._back.bytes
            self.messages = self._out.messages + self._back.messages

    def fill(self, what: int, spectral: Any) -> None:
        """Lines <- w (what = 0) or ω (1) of a spectral array after its transform over y."""
        grid, xp = self.grid, self.backend.xp
        plus, minus = self._pair
        self._kernels.launch(
            "velocity_spectra",
            plus.size,
            *(grid.n, grid.cutoff, grid.columns[0], int(what == FIELD)),
            *(self._real(array) for array in (spectral, plus, minus)),
        )
        lanes = xp.concatenate((plus, minus[self._zero :]))
        lanes = xp.fft.ifft(lanes, axis=1, norm="forward").astype(grid.complex_type, copy=False)
        self._spectrum = xp.zeros((grid.n, self._lines), dtype=grid.complex_type)
        self._spectrum[self._order] = self._to_lines(lanes)

    def square(self) -> float:
        """Columns <- transform over x of w²; the largest |w|² of this rank."""
        xp, grid = self.backend.xp, self.grid
        w = self._transformed(xp.fft.ifft, self._spectrum, norm="forward")
        size = self.backend.empty(w.shape, grid.real_type)
        self._kernels.launch("square_velocity", w.size, self._real(w), size)
        self._spectrum = self._transformed(xp.fft.fft, w)
        self._to_columns()
        return float(size.max()) if size.size else 0.0

    def stage(
        self, stage: int, dt: float, state: Any, total: Any, decay: Any = None, filter_: Any = None
    ) -> None:
        """Forward transform over y, right-hand side, update; stages 0 to 2 go on to the next lines."""
        grid = self.grid
        plus, minus = self._pair
        self._kernels.launch(
            "vorticity_stage",
            state.size,
            *(stage, float(dt), grid.n, grid.cutoff, grid.columns[0]),
            *(self._real(array) for array in (plus, minus, state, total, self._next)),
            *(decay, filter_),
        )
        if stage < 3:
            self.fill(0, self._next)

    def lines(self) -> Any:
        """(lines, n) values of the field that the lines hold."""
        field = self._transformed(self.backend.xp.fft.ifft, self._spectrum, norm="forward")
        return self.backend.array(field.real.T)

    def take_lines(self, values: Any) -> None:
        """Columns <- transform over x of real lines."""
        xp = self.backend.xp
        self._spectrum = self._transformed(xp.fft.fft, xp.asarray(values).T.astype(self.grid.complex_type))
        self._to_columns()

    def decay_factors(self, factors: np.ndarray) -> np.ndarray:
        """exp(-L dt/2) (columns, 2K+1) as the kernels read it."""
        return factors.astype(self.grid.real_type)

    def _transformed(self, transform: Any, array: Any, **options: Any) -> Any:
        found = transform(array, axis=0, **options)
        return self.backend.array(found, self.grid.complex_type)

    def _to_lines(self, lanes: Any) -> Any:
        """(all lanes, lines) of this rank's lines from the (own lanes, n) of every rank."""
        if self._out is None:
            return lanes
        send = np.concatenate([self.backend.host(lanes[:, a:b]).ravel() for a, b in pairwise(self._bounds)])
        receive = np.empty(int(self._counts.sum()), dtype=self.grid.complex_type)
        self._out.exchange(send, receive)
        return self.backend.array(receive.reshape(-1, self._lines))

    def _to_columns(self) -> None:
        """Transforms over y of this rank's lanes, from the spectra of its lines."""
        kept = self._spectrum[self._order]
        if self._back is not None:
            own = 2 * self.grid.shape[0] - self._zero
            receive = np.empty(own * self.grid.n, dtype=self.grid.complex_type)
            self._back.exchange(np.ascontiguousarray(self.backend.host(kept)).ravel(), receive)
            # each window is (own lanes, lines of the other rank)
            ends = own * np.array(self._bounds[1:-1], dtype=np.int64)
            parts = (
                [part.reshape(own, -1) for part in np.split(receive, ends)]
                if own
                else [receive.reshape(0, self.grid.n)]
            )
            kept = self.backend.array(np.concatenate(parts, axis=1))
        columns = self.backend.xp.fft.fft(kept, axis=1)
        height = self.grid.shape[0]
        self._pair[0] = columns[:height]
        self._pair[1, self._zero :] = columns[height:]

    def _real(self, array: Any) -> Any:
        return array.reshape(-1).view(self.grid.real_type)


def _lanes(first: int, last: int) -> np.ndarray:
    """Indices k_x of the lanes of a rank that owns the columns first … last-1."""
    plus = np.arange(first, last)
    return np.concatenate((plus, -plus[plus > 0]))
