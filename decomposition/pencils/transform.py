"""The Fourier transform of a field that is shared among ranks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..communicator import Communicator
from .layout import Pencil
from .paths import ArrayPath, HostPath
from .plans import EFFORTS, Plans
from .sizes import slow_size
from .stages import Stages

PRECISIONS = ("double", "single")
LIBRARIES = ("fftw", "arrays")


class FourierTransform:
    """û(m) = (1/N) Σ_j u(x_j) exp(-2πi Σ_a m_a j_a / n_a)  and back,  u(x_j) = Σ_m û(m) exp(+2πi …).

    shape: points (n_0, n_1, n_2), one to three axes; N is their product.  Amplitudes are true Fourier
        amplitudes: those of cos(2πx/L) are 1/2 at any n
    communicator: the ranks; every method but the attributes is collective
    real: points are real; of the last axis the n/2 + 1 amplitudes m >= 0 are kept
    precision: "double" or "single", of points and amplitudes
    threads: inside each rank (FFTW's)
    effort: to find FFTW plans: "estimate" (at once), "measure" (seconds), "patient" (up to minutes).  What
        was measured is kept on disk and taken from there the next time: the same plan, the same last bits
    grid: how the ranks are arranged, as in Pencil: None (slabs where the shape allows them, else pencils),
        "slab", "pencil", or ranks along each dimension
    backend: where the arrays live (hpcphys.kernels.backend); None for the host
    library: "fftw" or "arrays" (xp.fft of the backend, packed windows); None: arrays on a GPU, else FFTW

    `physical`: Pencil of the points, aligned along the last axis; `spectral`: of the amplitudes, aligned
    along axis 0 (on one rank both are the whole field).  `physical_type`, `spectral_type`: of the values.
    `bytes`, `bytes_back`, `messages`: what this rank sends in one `forward` and in one `backward`.
    `notes`: what the user may want to know: slow sizes, damaged wisdom.

    On one rank it is one multidimensional plan, without transposes.  Raises LayoutError (a ValueError) with
    the allowed rank counts when the grid is too small for the ranks, ValueError for unknown settings.
    Sources: Frigo & Johnson (2005), Proc. IEEE 93, 216 (FFTW); Dalcin, Mortensen & Keyes (2019), J. Parallel
    Distrib. Comput. 128, 137 (the sequence of aligned transforms and transfers).
    """

    def __init__(
        self,
        shape: Sequence[int],
        communicator: Communicator | None = None,
        real: bool = False,
        precision: str = "double",
        threads: int = 1,
        effort: str = "measure",
        grid: Any = None,
        backend: Any = None,
        library: str | None = None,
    ):
        if library is None:
            library = "arrays" if backend is not None and backend.name == "cuda" else "fftw"
        for what, value, allowed in (
            ("precision", precision, PRECISIONS),
            ("effort", effort, EFFORTS),
            ("library", library, LIBRARIES),
        ):
            if value not in allowed:
                raise ValueError(f"{what} {value!r} is unknown; use one of {', '.join(allowed)}")
        if threads < 1:
            raise ValueError(f"threads = {threads}: at least one is needed")
        self.communicator = communicator or Communicator.serial()
        self.shape, self.real, self.precision, self.library = tuple(shape), real, precision, library
        self.xp = np if backend is None else backend.xp
        self.real_type = np.dtype("f8" if precision == "double" else "f4")
        self.spectral_type = np.dtype("c16" if precision == "double" else "c8")
        self.physical_type = self.real_type if real else self.spectral_type
        packed = library == "arrays"
        self._stages = Stages.of(
            self.shape, self.communicator, real, grid, self.spectral_type, packed, backend
        )
        self._path: HostPath | ArrayPath
        plans = None
        if packed:
            self._path = ArrayPath(self._stages, real, self.spectral_type, self.xp)
        else:
            plans = Plans(self.communicator, precision, threads, effort)
            self._path = HostPath(self._stages, real, (self.physical_type, self.spectral_type), plans)
        self.notes = _slow_sizes(self.shape) + (list(plans.notes) if plans else [])

    @property
    def physical(self) -> Pencil:
        """The layout of the points."""
        return self._stages.physical

    @property
    def spectral(self) -> Pencil:
        """The layout of the amplitudes."""
        return self._stages.pencils[-1]

    @property
    def bytes(self) -> int:
        """Bytes that this rank sends in one `forward`."""
        return sum(transfer.bytes for transfer in self._stages.transfers)

    @property
    def bytes_back(self) -> int:
        """Bytes that this rank sends in one `backward`."""
        return sum(transfer.bytes_back for transfer in self._stages.transfers)

    @property
    def messages(self) -> int:
        """Messages that this rank sends in one transform, either way."""
        return sum(transfer.messages for transfer in self._stages.transfers)

    @property
    def model_bytes(self) -> float:
        """Bytes of one transform on an average rank: Σ_d (N_s/P)(1 - 1/p_d) b.

        N_s amplitudes of b bytes on P ranks, p_d of them along dimension d of the process grid.
        """
        whole = math.prod(self.spectral.shape) * self.spectral_type.itemsize
        return sum(whole * (p - 1) / (p * self.communicator.size) for p in self.spectral.grid)

    def forward(self, array: Any, out: Any = None, overwrite: bool = False) -> Any:
        """Amplitudes of the points: (physical.subshape) → (spectral.subshape), divided by N.

        out: where to put them (a new array if None; on one rank, complex, it may be `array` itself);
        overwrite: `array` may be used as work space, which saves a buffer where the field is complex (on one
        rank the amplitudes are then returned in it).  Without it `array` is left as it is.
        Raises ValueError for an array of another shape or type.
        """
        array = self._fitting("array", array, self.physical, self.physical_type)
        if out is not None:
            self._fitting("out", out, self.spectral, self.spectral_type)
        result = self._path.forward(array, out, overwrite)
        if not result.flags.c_contiguous:
            result = self.xp.ascontiguousarray(result)
        parts = result.reshape(-1).view(self.real_type)
        self.xp.multiply(parts, self.real_type.type(1 / math.prod(self.shape)), out=parts)
        return result

    def backward(self, array: Any, out: Any = None, overwrite: bool = False) -> Any:
        """Points of the amplitudes: (spectral.subshape) → (physical.subshape).

        out, overwrite: as in `forward`; with `overwrite` a real field on one rank needs no work space either.
        Of a real field's amplitudes the parts that a real field cannot have (at m = 0 and n/2 of the last
        axis, those that are not symmetric) are left out of the sum.
        """
        array = self._fitting("array", array, self.spectral, self.spectral_type)
        if out is not None:
            self._fitting("out", out, self.physical, self.physical_type)
        return self._path.backward(array, out, overwrite)

    def wavenumbers(self, axis: int) -> Any:
        """Integer wavenumbers m of this rank's amplitudes along an axis: (spectral.subshape[axis],) int64.

        In the order 0, 1, …, -2, -1; for even n the highest is -n/2, and +n/2 on a real field's last axis.
        """
        axis = range(len(self.shape))[axis]
        start, count = self.spectral.part(axis)
        numbers = np.arange(start, start + count, dtype=np.int64)
        if not (self.real and axis == len(self.shape) - 1):
            numbers[numbers >= (self.shape[axis] + 1) // 2] -= self.shape[axis]
        return self.xp.asarray(numbers)

    def describe(self) -> str:
        """Lines for logs: kind, layouts, communication, memory."""
        kind = f"{'real' if self.real else 'complex'} {self.precision}, {self.library}"
        return "\n".join([
            f"Fourier transform, {kind}: {len(self._stages.axes)} stage(s), axes {self._stages.axes}",
            f"  points: {self.physical.describe()}",
            f"  amplitudes: {self.spectral.describe()}",
            f"  sent by a rank: {self.bytes} bytes in {self.messages} messages; model {self.model_bytes:.0f}",
            f"  work space: {self._path.work_bytes} bytes",
            *(f"  note: {note}" for note in self.notes),
        ])  # fmt: skip

    def _fitting(self, name: str, array: Any, pencil: Pencil, dtype: np.dtype) -> Any:
        if array.shape != pencil.subshape or array.dtype != dtype:
            raise ValueError(
                f"{name}: found {array.shape} {array.dtype}; this rank's part is {pencil.subshape} {dtype}"
            )
        if array.flags.c_contiguous:
            return array
        if name == "out":
            raise ValueError(f"out: a contiguous array of {pencil.subshape} {dtype} is needed")
        return self.xp.ascontiguousarray(array)


def _slow_sizes(shape: Sequence[int]) -> list[str]:
    """A line for each axis whose number of points has a large prime factor."""
    notes = ((axis, slow_size(count)) for axis, count in enumerate(shape))
    return [f"axis {axis}: {note}" for axis, note in notes if note]
