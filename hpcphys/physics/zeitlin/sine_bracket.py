"""Zeitlin's model of ideal flow on the torus: vorticity as a Hermitian matrix W, the bracket as a commutator.

The square [0, L)², omega(x, y) = sum w_k exp(i 2 pi (k_x x + k_y y)/L), flow
    d omega/dt = -u . grad omega,   u = (d psi/dy, -d psi/dx),   -laplacian psi = omega,
in amplitudes  dw_k/dt = -(2 pi/L)² sum_{p + q = k} (p_x q_y - p_y q_x) psi_p w_q,  psi_k = w_k L²/(4 pi² k²).

Zeitlin's truncation replaces p × q by (N/(pi s)) sin(pi s p × q/N) and takes wave numbers modulo N: the
structure constants of u(N).  With clock and shift matrices, i, j = 0 … N - 1,
    (T_k)_{i j} = exp(i pi s k_x k_y/N) exp(2 pi i s k_x i/N)  where j = i + k_y mod N, else 0,
    T_p T_q = exp(-i pi s p × q/N) T_{p+q},   T_k† = T_{-k},   tr(T_k† T_l) = N delta_kl,
    W = sum_k w_k T_k,   Psi = sum_k psi_k T_k,   dW/dt = -i c [Psi, W],   c = 2 pi N/(s L²),
    H = (L²/2N) tr(Psi W) -> 1/2 integral psi omega,   C_m = (L²/N) tr W^m -> integral omega^m.

i W lies in su(N), so that every C_m, m = 1 … N, is conserved.  W is read by its wrapped diagonals: the
Fourier transform of diagonal k_y over i has w_k at frequency s k_x, up to a phase: O(N² log N).

The angle s: "weyl", s = 1, is the Moyal bracket of Weyl's quantisation, any N;  "zeitlin", s = 2, has no
signs where wave numbers wrap and is that of the first papers; N must be odd, and the bracket of resolved
modes differs from the Jacobian four times as much (both differ by O(N⁻²)).
The Laplacian is k² of the Fourier modes |k_x|, |k_y| <= N/2, as Zeitlin has it, not the sin² of the double
commutator with clock and shift: resolved waves then have their true dispersion.
For even N the modes with |k| = N/2 belong to u(N) but have no partner: they are kept in W, not in amplitudes.

Source: Zeitlin (1991) Physica D 49, 353; Fairlie & Zachos (1989) Phys. Lett. B 224, 101; Fairlie, Fletcher &
Zachos (1989) Phys. Lett. B 218, 203; Hoppe (1989) Int. J. Mod. Phys. A 4, 5235.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from hpcphys.physics.zeitlin.rows import MatrixRows

ANGLES = {"weyl": 1, "zeitlin": 2}
POWERS = (2, 3, 4, 5, 6)
"""Powers m of the Casimirs that are computed."""


class SineBracket:
    """The matrices of the module's equations, their rows shared by the ranks.

    n: N, the size of the matrices, at least 3; products of small primes are fast
    backend: kernel runtime whose `xp` holds the arrays;  communicator: the ranks
    length: L [length];  angle: "weyl" or "zeitlin" (odd N only)
    precision: "double" or "single"
    Matrices are arrays (rows, N) of this rank's rows `matrices.first … matrices.last`.
    Raises ValueError for an N, a length, an angle or a precision that is not allowed.
    """

    def __init__(
        self,
        n: int,
        backend: Any,
        communicator: Any,
        *,
        length: float = 2.0 * np.pi,
        angle: str = "weyl",
        precision: str = "double",
    ):
        if n < 3:
            raise ValueError(f"N = {n}: Zeitlin's model needs matrices of size 3 at least")
        if angle not in ANGLES:
            raise ValueError(f"angle {angle!r} is unknown; allowed: {', '.join(ANGLES)}")
        if ANGLES[angle] == 2 and n % 2 == 0:
            raise ValueError(
                f'N = {n}: the angle "zeitlin" needs an odd N; take {n + 1}, or the angle "weyl"'
            )
        if not (np.isfinite(length) and length > 0):
            raise ValueError(f"length = {length}: must be positive")
        if precision not in ("double", "single"):
            raise ValueError(f'precision {precision!r} is unknown; allowed: "double", "single"')
        self.n, self.length, self.angle = n, float(length), angle
        self.turns = ANGLES[angle]
        self.backend, self.communicator, self.xp = backend, communicator, backend.xp
        self.real_type = np.dtype(np.float64 if precision == "double" else np.float32)
        self.complex_type = np.dtype(np.complex128 if precision == "double" else np.complex64)
        self.matrices = MatrixRows(n, backend, communicator)
        self.rate = 2.0 * np.pi * n / (self.turns * self.length**2)

    @property
    def cutoff(self) -> int:
        """K: the largest |k_x| and |k_y| of amplitudes."""
        return (self.n - 1) // 2

    @property
    def area_per_state(self) -> float:
        """L²/N: what makes a trace an integral over the square."""
        return self.length**2 / self.n

    @cached_property
    def _wave_x(self) -> np.ndarray:
        """(N,) k_x of each frequency of a diagonal's transform."""
        frequency = np.arange(self.n)
        # Frequency f = s k_x mod N; for s = 2 and odd N the inverse of 2 is (N + 1)/2.
        index = frequency if self.turns == 1 else frequency * ((self.n + 1) // 2) % self.n
        return _signed(index, self.n)

    @cached_property
    def _wave_y(self) -> np.ndarray:
        """(columns,) k_y of this rank's wrapped diagonals."""
        return _signed(np.arange(self.matrices.first, self.matrices.last), self.n)

    @cached_property
    def _inverse_squares(self) -> Any:
        """(N, columns) L²/(4 pi² k²), zero for k = 0."""
        squares = self._wave_x[:, None].astype(float) ** 2 + self._wave_y[None, :] ** 2
        squares[squares == 0] = np.inf
        values = (self.length / (2.0 * np.pi)) ** 2 / squares
        return self.backend.array(values.astype(self.real_type))

    @cached_property
    def _phases(self) -> np.ndarray:
        """(N, columns) exp(i pi s k_x k_y/N), complex128 on the host."""
        return np.exp(1j * np.pi * self.turns / self.n * self._wave_x[:, None] * self._wave_y[None, :])

    @cached_property
    def _to_diagonals(self) -> Any:
        """(rows, N) flat index of W[i, i + d] in this rank's rows."""
        return self._wrapped(+1)

    @cached_property
    def _from_diagonals(self) -> Any:
        return self._wrapped(-1)

    def _wrapped(self, sign: int) -> Any:
        local = np.arange(self.matrices.rows)[:, None]
        column = (sign * (local + self.matrices.first) + np.arange(self.n)[None, :]) % self.n
        return self.backend.array((local * self.n + column).astype(np.int64))

    def diagonals(self, matrix: Any) -> Any:
        """(N, columns): the wrapped diagonals D[i, d] = W[i, i + d mod N] of this rank.  Collective."""
        own = self.xp.take(matrix.reshape(-1), self._to_diagonals)
        return self.matrices.columns(own)

    def from_diagonals(self, diagonals: Any) -> Any:
        """The matrix with these wrapped diagonals.  Collective."""
        own = self.matrices.rows_of_columns(diagonals)
        return self.xp.take(own.reshape(-1), self._from_diagonals)

    def stream_matrix(self, matrix: Any, factor: complex = 1.0) -> Any:
        """factor Psi, the matrix of the stream function of W.  Collective."""
        spectrum = self.xp.fft.fft(self.diagonals(matrix), axis=0)
        spectrum *= self._inverse_squares
        values = self.xp.fft.ifft(spectrum, axis=0)
        if factor != 1.0:
            values *= self.complex_type.type(factor)
        return self.from_diagonals(values)

    def commutator(self, a: Any, b: Any) -> Any:
        """[A, B] = A B - B A of two Hermitian matrices: one product.  Collective."""
        product = self.matrices.product(a, b)
        return product - self.matrices.adjoint(product)

    def tendency(self, matrix: Any) -> Any:
        """dW/dt = -i c [Psi, W].  Collective."""
        return -1j * self.rate * self.commutator(self.stream_matrix(matrix), matrix)

    def matrix_of(self, amplitudes: Any) -> Any:
        """This rank's rows of W = sum w_k T_k.

        amplitudes: (columns, 2K + 1), w_k for this rank's k_x columns out of 0 … K, split evenly in rank
            order, and k_y = 0 … K, -K … -1; K at most (N - 1)/2.  Those of k_x < 0 are their conjugates.
        Raises ValueError if they do not fit.  Collective.
        """
        given = np.asarray(self.backend.host(amplitudes), dtype=np.complex128)
        cutoff, row_bounds = self._columns_given(given)
        place_y = np.r_[0 : cutoff + 1, self.n - cutoff : self.n]
        ahead = np.zeros((given.shape[0], self.n), dtype=np.complex128)
        ahead[:, place_y] = given
        # w_{-k}: k_y -> -k_y is a reversal of the columns about 0.
        behind = np.conj(np.roll(ahead[:, ::-1], 1, axis=1))
        spectrum = np.zeros((self.n, self.matrices.rows), dtype=np.complex128)
        for sign, block in ((-1, behind), (1, ahead)):
            columns = self.backend.host(self.matrices.columns_of_rows(self.backend.array(block), row_bounds))
            spectrum[self._frequencies(sign * np.arange(cutoff + 1))] = columns
        diagonals = np.fft.ifft(spectrum * self._phases, axis=0) * self.n
        matrix = self.from_diagonals(self.backend.array(diagonals))
        # Rounding of the transforms is made symmetric: W is Hermitian bit for bit.
        matrix = 0.5 * (matrix + self.matrices.adjoint(matrix))
        return self.xp.ascontiguousarray(matrix.astype(self.complex_type))

    def amplitudes_of(self, matrix: Any, cutoff: int | None = None) -> Any:
        """w_k = tr(T_k† W)/N: this rank's columns k_x of 0 … K, (columns, 2K + 1), as `matrix_of` takes them.

        cutoff: K, (N - 1)/2 by default.  Raises ValueError for a larger one.  Collective.
        """
        cutoff = self.cutoff if cutoff is None else cutoff
        if not 0 <= cutoff <= self.cutoff:
            raise ValueError(f"cutoff {cutoff}: matrices of size {self.n} hold 0 to {self.cutoff}")
        diagonals = self.backend.host(self.diagonals(self.backend.array(matrix)))
        spectrum = np.fft.fft(diagonals, axis=0) * np.conj(self._phases) / self.n
        kept = spectrum[self._frequencies(np.arange(cutoff + 1))]
        row_bounds = _even_bounds(cutoff + 1, self.matrices.size)
        columns = self.backend.host(self.matrices.rows_of_columns(self.backend.array(kept), row_bounds))
        amplitudes = columns[:, np.r_[0 : cutoff + 1, self.n - cutoff : self.n]]
        return self.backend.array(amplitudes.astype(self.complex_type))

    def _columns_given(self, given: np.ndarray) -> tuple[int, list[int]]:
        """K of amplitudes, and the bounds of all ranks' k_x columns."""
        width = given.shape[1] if given.ndim == 2 else 0
        cutoff = (width - 1) // 2
        bounds = _even_bounds(cutoff + 1, self.matrices.size)
        first, last = bounds[self.matrices.rank : self.matrices.rank + 2]
        if width % 2 == 0 or cutoff > self.cutoff or given.shape[0] != last - first:
            raise ValueError(
                f"amplitudes of shape {given.shape}: matrices of size {self.n} take (K + 1, 2K + 1), K at "
                f"most {self.cutoff}, the first axis split evenly over {self.matrices.size} ranks"
            )
        return cutoff, bounds

    def _frequencies(self, wave_x: np.ndarray) -> np.ndarray:
        return self.turns * wave_x % self.n

    def energy(self, matrix: Any) -> float:
        """H = (L²/2N) tr(Psi W) [vorticity² length⁴].  Collective."""
        return 0.5 * self.area_per_state * self.matrices.inner(self.stream_matrix(matrix), matrix)

    def casimirs(self, matrix: Any) -> dict[int, float]:
        """m -> C_m = (L²/N) tr W^m, m = 2 … 6, for Hermitian W: two products.  Collective."""
        rows = self.matrices
        square = rows.product(matrix, matrix)
        cube = rows.product(square, matrix)
        pairs = (matrix, matrix), (matrix, square), (square, square), (square, cube), (cube, cube)
        return {
            power: self.area_per_state * rows.inner(*pair) for power, pair in zip(POWERS, pairs, strict=True)
        }


def _even_bounds(count: int, size: int) -> list[int]:
    """Bounds of `count` rows split evenly, as the files of states split theirs."""
    return [count * rank // size for rank in range(size + 1)]


def _signed(index: np.ndarray, n: int) -> np.ndarray:
    """0 … n - 1 as wave numbers -(n - 1)/2 … n/2."""
    return np.where(index > n // 2, index - n, index)
