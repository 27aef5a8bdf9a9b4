"""Square matrices whose rows are shared by the ranks: products, adjoints, and columns instead of rows."""

from __future__ import annotations

from typing import Any

import numpy as np

BLOCKS = 4
"""A Hermitian product is computed in so many rows of blocks, those below the diagonal only."""


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

    def product(self, a: Any, b: Any) -> Any:
        """This rank's rows of A B.  a, b: (rows, n) of this rank.  Collective."""
        if self.size == 1:
            return a @ b
        result = self.xp.zeros_like(a)
        after, panel = (self.rank + 1) % self.size, b
        for turn in range(self.size):
            owner = (self.rank - turn) % self.size
            moving = self._send_on(panel, after, (owner - 1) % self.size) if turn + 1 < self.size else None
            result += a[:, self.bounds[owner] : self.bounds[owner + 1]] @ panel
            if moving is not None:
                received, _ = moving.wait()
                panel = self.backend.array(received)
        return result

    def _send_on(self, panel: Any, after: int, arriving_owner: int) -> Any:
        """Give a block of rows to the next rank of the ring and await the one of `arriving_owner`."""
        leaving, arriving = np.zeros((2, self.size), dtype=np.int64)
        leaving[after] = panel.shape[0]
        arriving[(self.rank - 1) % self.size] = self.bounds[arriving_owner + 1] - self.bounds[arriving_owner]
        rows = np.ascontiguousarray(self.backend.host(panel))
        return self.communicator.start_exchange(rows, leaving, arriving)

    def hermitian_half(self, a: Any, b: Any) -> Any:
        """This rank's rows of H with H + H† = A B, for factors whose product is Hermitian.

        One rank computes blocks on and below the diagonal only: 5/8 of a product.  Collective.
        """
        if self.size > 1 or self.n < 16 * BLOCKS:
            return 0.5 * self.product(a, b)
        half = self.xp.zeros_like(a)
        edges = [self.n * block // BLOCKS for block in range(BLOCKS + 1)]
        for low, high in zip(edges[:-1], edges[1:], strict=True):
            self.xp.matmul(a[low:, :], b[:, low:high], out=half[low:, low:high])
            half[low:high, low:high] *= 0.5
        return half

    def adjoint(self, a: Any) -> Any:
        """This rank's rows of A†.  Collective."""
        if self.size == 1:
            return self.xp.conj(a.T)
        host = self.backend.host(a)
        parts = [
            np.conj(host[:, low:high].T).reshape(-1)
            for low, high in zip(self.bounds[:-1], self.bounds[1:], strict=True)
        ]
        arrived = self.communicator.alltoallv(parts)
        return self.backend.array(np.concatenate([part.reshape(self.rows, -1) for part in arrived], axis=1))

    def columns(self, a: Any) -> Any:
        """From this rank's rows (rows, n) of any array to its columns (n, last - first).  Collective."""
        return self.columns_of_rows(a, self.bounds)

    def columns_of_rows(self, a: Any, row_bounds: list[int]) -> Any:
        """This rank's columns of an array whose rows are split at `row_bounds`.  Collective."""
        if self.size == 1:
            return a
        host = self.backend.host(a)
        parts = [
            np.ascontiguousarray(host[:, low:high]).reshape(-1)
            for low, high in zip(self.bounds[:-1], self.bounds[1:], strict=True)
        ]
        arrived = self.communicator.alltoallv(parts)
        shapes = [(high - low, self.rows) for low, high in zip(row_bounds[:-1], row_bounds[1:], strict=True)]
        blocks = [part.reshape(shape) for part, shape in zip(arrived, shapes, strict=True)]
        return self.backend.array(np.concatenate(blocks))

    def rows_of_columns(self, a: Any, row_bounds: list[int] | None = None) -> Any:
        """The way back: this rank's rows, split at `row_bounds` (as the matrix by default).  Collective."""
        if self.size == 1:
            return a
        bounds = self.bounds if row_bounds is None else row_bounds
        host = self.backend.host(a)
        parts = [
            np.ascontiguousarray(host[low:high]).reshape(-1)
            for low, high in zip(bounds[:-1], bounds[1:], strict=True)
        ]
        arrived = self.communicator.alltoallv(parts)
        rows = bounds[self.rank + 1] - bounds[self.rank]
        return self.backend.array(np.concatenate([part.reshape(rows, -1) for part in arrived], axis=1))
