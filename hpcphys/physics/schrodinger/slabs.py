"""Slabs and columns: who holds which part of a wavefunction while whole columns of axis 0 are needed.

A slab is (rows, trailing) with trailing = n1 n2; rank r holds rows n0 r/P … n0 (r+1)/P - 1.  In columns rank
r holds all n0 rows of the trailing indices trailing r/P … trailing (r+1)/P - 1.  What a rank keeps of its own
never goes through MPI: only the windows of the others do.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from hpcphys.decomposition.pencils.windows import Windows
from hpcphys.physics.schrodinger.grid import WaveGrid


class Columns:
    """The two layouts of a grid over the ranks of a communicator, and the exchange between them.

    rows, columns: (first, last) of every rank
    """

    def __init__(self, grid: WaveGrid, communicator: Any):
        self.grid = grid
        self.rank, self.size = grid.rank, grid.size
        self.trailing = prod(grid.points[1:])
        self.rows = [grid.rows_of(rank) for rank in range(self.size)]
        self.columns = [
            (self.trailing * r // self.size, self.trailing * (r + 1) // self.size) for r in range(self.size)
        ]
        mine = self.count(self.rows, self.rank)
        width = self.count(self.columns, self.rank)
        others = [r != self.rank for r in range(self.size)]
        self.send_counts = [mine * self.count(self.columns, r) * others[r] for r in range(self.size)]
        self.receive_counts = [self.count(self.rows, r) * width * others[r] for r in range(self.size)]
        if self.size > 1:
            kind = grid.complex_type
            self.forward = Windows(communicator, self.send_counts, self.receive_counts, kind)
            self.backward = Windows(communicator, self.receive_counts, self.send_counts, kind)

    @staticmethod
    def count(ranges: list[tuple[int, int]], rank: int) -> int:
        """Rows or columns of one rank."""
        first, last = ranges[rank]
        return last - first

    @property
    def width(self) -> int:
        """Columns of this rank."""
        return self.count(self.columns, self.rank)

    def of_row(self, slab: np.ndarray) -> np.ndarray:
        """This rank's columns of the first row: what a function free of axis 0 is there."""
        first, last = self.columns[self.rank]
        return slab[0].reshape(-1)[first:last]

    def to_columns(self, slab: np.ndarray) -> np.ndarray:
        """(rows, …) of this rank -> (n0, width), collective.  A new array."""
        rows = slab.reshape(len(slab), self.trailing)
        if self.size == 1:
            return rows.copy()
        n0, width = self.grid.points[0], self.width
        sent = [rows[:, a:b].ravel() for r, (a, b) in enumerate(self.columns) if r != self.rank]
        received = np.empty(sum(self.receive_counts), dtype=slab.dtype)
        self.forward.exchange(np.concatenate(sent), received)
        columns = np.empty((n0, width), dtype=slab.dtype)
        own, (c0, c1), place = self.rows[self.rank], self.columns[self.rank], 0
        columns[own[0] : own[1]] = rows[:, c0:c1]
        for r, (a, b) in enumerate(self.rows):
            if r != self.rank:
                columns[a:b] = received[place : place + (b - a) * width].reshape(b - a, width)
                place += (b - a) * width
        return columns

    def to_slab(self, columns: np.ndarray, slab: np.ndarray) -> None:
        """(n0, width) of this rank -> (rows, …), collective; the inverse of `to_columns`."""
        rows = slab.reshape(len(slab), self.trailing)
        if self.size == 1:
            rows[...] = columns
            return
        sent = [columns[a:b].ravel() for r, (a, b) in enumerate(self.rows) if r != self.rank]
        received = np.empty(sum(self.send_counts), dtype=slab.dtype)
        self.backward.exchange(np.concatenate(sent), received)
        own, (c0, c1), place = self.rows[self.rank], self.columns[self.rank], 0
        rows[:, c0:c1] = columns[own[0] : own[1]]
        for r, (a, b) in enumerate(self.columns):
            if r != self.rank:
                count = len(rows) * (b - a)
                rows[:, a:b] = received[place : place + count].reshape(len(rows), b - a)
                place += count
