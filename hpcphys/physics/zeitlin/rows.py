"""Square matrices whose rows are shared by the ranks: products, adjoints, and columns instead of rows."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

BLOCK = 64
"""Rows of a block of a Hermitian product, whose blocks above the diagonal are left out; 8 blocks at most."""


class MatrixRows:
    """n × n complex matrices, of which this rank holds the rows [first, last) as an array (rows, n).

    Rows are split evenly in rank order, as checkpoints split theirs; a rank may have none.
    One rank: plain products of the array namespace (BLAS, cuBLAS) and no messages.  More ranks: a product
    passes the rows of its right factor around a ring, n² numbers per rank and product, while each block is
    multiplied; memory per rank is 1/ranks of the matrices and two blocks of rows.

    backend: kernel runtime whose `xp` holds the arrays;  communicator: the ranks
    """

    def __init__(self, n: int, backend: Any, communicator: Any):
        self.n, self.backend, self.communicator = n, backend, communicator
        self.xp = backend.xp
        self.rank, self.size = communicator.rank, communicator.size
        self.bounds = [n * rank // self.size for rank in range(self.size + 1)]
        self.first, self.last = self.bounds[self.rank], self.bounds[self.rank + 1]

    @property
    def rows(self) -> int:
        """Number of rows of this rank."""
        return self.last - self.first

    def total(self, values: np.ndarray) -> np.ndarray:
        """Sum of a small NumPy array over the ranks.  Collective."""
        return self.communicator.allreduce(values) if self.size > 1 else values

    def inner(self, a: Any, b: Any) -> float:
        """Re tr(A† B) = Re sum conj(A_ij) B_ij.  Collective."""
        real = a.real.dtype
        local = a.reshape(-1).view(real).dot(b.reshape(-1).view(real))
        return float(self.total(np.array([float(local)]))[0])

    def product(self, a: Any, b: Any, out: Any = None) -> Any:
        """This rank's rows of A B.  a, b, out: (rows, n) of this rank.  Collective."""
        out = self.xp.empty_like(a) if out is None else out
        if self.size == 1:
            return self.xp.matmul(a, b, out=out)
        out[...] = 0
        after, panel = (self.rank + 1) % self.size, b
        for turn in range(self.size):
            owner = (self.rank - turn) % self.size
            moving = self._send_on(panel, after, (owner - 1) % self.size) if turn + 1 < self.size else None
            out += a[:, self.bounds[owner] : self.bounds[owner + 1]] @ panel
            if moving is not None:
                received, _ = moving.wait()
                panel = self.backend.array(received)
        return out

    def _send_on(self, panel: Any, after: int, arriving_owner: int) -> Any:
        """Give a block of rows to the next rank of the ring and await the one of `arriving_owner`."""
        leaving, arriving = np.zeros((2, self.size), dtype=np.int64)
        leaving[after] = panel.shape[0]
        arriving[(self.rank - 1) % self.size] = self.bounds[arriving_owner + 1] - self.bounds[arriving_owner]
        rows = np.ascontiguousarray(self.backend.host(panel))
        return self.communicator.start_exchange(rows, leaving, arriving)

    def hermitian_half(self, a: Any, b: Any, out: Any) -> Any:
        """This rank's rows of an H with H + H† = A B, for factors whose product is Hermitian.  Collective.

        One rank computes blocks on and below the diagonal only: 9/16 of a product for large n.
        out: (rows, n), zero above those blocks, or as this function has left it
        """
        if self.size > 1:
            self.product(a, b, out)
            out *= 0.5
            return out
        count = min(max(self.n // BLOCK, 1), 8)
        edges = [self.n * block // count for block in range(count + 1)]
        for low, high in pairwise(edges):
            self.xp.matmul(a[low:, :], b[:, low:high], out=out[low:, low:high])
            out[low:high, low:high] *= 0.5
        return out

    def adjoint(self, a: Any, out: Any = None) -> Any:
        """This rank's rows of A†.  Collective."""
        out = self.xp.empty_like(a) if out is None else out
        if self.size == 1:
            return self.xp.conj(a.T, out=out)
        host = self.backend.host(a)
        parts = [np.conj(host[:, low:high].T).reshape(-1) for low, high in pairwise(self.bounds)]
        arrived = self.communicator.alltoallv(parts)
        for (low, high), part in zip(pairwise(self.bounds), arrived, strict=True):
            out[:, low:high] = self.backend.array(part.reshape(self.rows, high - low))
        return out

    def columns(self, a: Any) -> Any:
        """From this rank's rows (rows, n) of any array to its columns (n, last - first).  Collective."""
        return self.columns_of_rows(a, self.bounds)

    def columns_of_rows(self, a: Any, row_bounds: list[int]) -> Any:
        """This rank's columns of an array whose rows are split at `row_bounds`.  Collective."""
        if self.size == 1:
            return a
        host = self.backend.host(a)
        parts = [np.ascontiguousarray(host[:, low:high]).reshape(-1) for low, high in pairwise(self.bounds)]
        arrived = self.communicator.alltoallv(parts)
        shapes = [(high - low, self.rows) for low, high in pairwise(row_bounds)]
        blocks = [part.reshape(shape) for part, shape in zip(arrived, shapes, strict=True)]
        return self.backend.array(np.concatenate(blocks))

    def rows_of_columns(self, a: Any, row_bounds: list[int] | None = None) -> Any:
        """The way back: this rank's rows, split at `row_bounds` (as the matrix by default).  Collective."""
        if self.size == 1:
            return a
        bounds = self.bounds if row_bounds is None else row_bounds
        host = self.backend.host(a)
        parts = [np.ascontiguousarray(host[low:high]).reshape(-1) for low, high in pairwise(bounds)]
        arrived = self.communicator.alltoallv(parts)
        rows = bounds[self.rank + 1] - bounds[self.rank]
        shapes = [(rows, high - low) for low, high in pairwise(self.bounds)]
        blocks = [part.reshape(shape) for part, shape in zip(arrived, shapes, strict=True)]
        return self.backend.array(np.concatenate(blocks, axis=1))
