"""Transfers between two pencils: on the host by MPI's derived types, on a GPU by packed windows."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from .layout import Pencil, moving_axes
from .windows import Windows


class Transfer:
    """Moves a field between two pencils; `forward` and `backward` are inverse, to the bit.

    source, target: the pencils;  dtype: type of the field's values
    backend: where the arrays live (hpcphys.kernels.backend); None for the host
    `bytes`, `messages`: what this rank sends in one `forward` (what it keeps is not counted), `bytes_back` in
    one `backward`; the communicator counts them too.  In a group of p ranks a rank sends (1 - 1/p) of its
    values in p - 1 messages, where p divides the axes.

    On the host the values go straight from one array into the other, by mpi4py-fft (MPI_Alltoallw with
    subarray types).  Source: Dalcin, Mortensen & Keyes (2019), J. Parallel Distrib. Comput. 128, 137.

    Making one is collective.  Raises LayoutError if no single exchange leads from one pencil to the other.
    """

    def __init__(self, source: Pencil, target: Pencil, dtype: Any, backend: Any = None):
        self.source, self.target, self.dtype, self.backend = source, target, np.dtype(dtype), backend
        self.bytes = self.bytes_back = self.messages = 0
        self._axes = moving_axes(source, target)
        if self._axes is None:
            return
        leaves, arrives = self._axes
        self.group = source.processes.groups[source.dimension(leaves)]
        kept = source.count // source.shape[arrives] * target.part(arrives)[1]
        self.bytes = (source.count - kept) * self.dtype.itemsize
        self.bytes_back = (target.count - kept) * self.dtype.itemsize
        self.messages = self.group.size - 1
        self._prepare(leaves, arrives)

    def forward(self, array: Any, out: Any) -> Any:
        """out ← array: (source.subshape) → (target.subshape).  Collective.  Returns out.

        Both contiguous, of this type, not overlapping; raises ValueError if they are not.
        """
        self._check("array", array, self.source)
        self._check("out", out, self.target)
        if self._axes is None:
            out[...] = array
        else:
            self._forward(array, out, *self._axes)
        return out

    def backward(self, array: Any, out: Any) -> Any:
        """out ← array: (target.subshape) → (source.subshape).  Collective.  Returns out."""
        self._check("array", array, self.target)
        self._check("out", out, self.source)
        if self._axes is None:
            out[...] = array
        else:
            self._backward(array, out, *self._axes)
        return out

    def _check(self, name: str, array: Any, pencil: Pencil) -> None:
        if array.shape != pencil.subshape or array.dtype != self.dtype or not array.flags.c_contiguous:
            raise ValueError(
                f"{name}: found {array.shape} {array.dtype} (C-contiguous: {array.flags.c_contiguous}); "
                f"this transfer needs a contiguous array of {pencil.subshape} {self.dtype}"
            )

    def _prepare(self, leaves: int, arrives: int) -> None:
        """Commit the subarray types; `arrives` is whole in the source, `leaves` in the target."""
        from mpi4py_fft.pencil import Transfer as Redistribution

        shape = list(self.source.subshape)
        shape[leaves] = self.source.shape[leaves]
        self._redistribution = Redistribution(
            self.group.mpi, shape, self.dtype, self.source.subshape, arrives, self.target.subshape, leaves
        )

    def _forward(self, array: Any, out: Any, leaves: int, arrives: int) -> None:
        started = time.perf_counter()
        self._redistribution.forward(array, out)
        self.group.count(self.bytes, self.messages, started)

    def _backward(self, array: Any, out: Any, leaves: int, arrives: int) -> None:
        started = time.perf_counter()
        self._redistribution.backward(array, out)
        self.group.count(self.bytes_back, self.messages, started)


class PackedTransfer(Transfer):
    """The same transfer through contiguous windows, packed and unpacked by array operations.

    On a GPU the packing runs on the device and CUDA-aware MPI takes the windows from there; where MPI is not
    CUDA-aware they are staged through the host.  Needs a buffer for each side whose windows do not lie one
    after the other by themselves.
    """

    def _prepare(self, leaves: int, arrives: int) -> None:
        places = range(self.group.size)
        source, target = self.source, self.target
        there = [source.count // source.shape[arrives] * target.part(arrives, r)[1] for r in places]
        back = [target.count // target.shape[leaves] * source.part(leaves, r)[1] for r in places]
        self._windows_there = Windows(self.group, there, back, self.dtype, self.backend)
        self._windows_back = Windows(self.group, back, there, self.dtype, self.backend)
        self._buffers: dict[int, Any] = {}

    def _forward(self, array: Any, out: Any, leaves: int, arrives: int) -> None:
        send = self._packed(array, arrives)
        self._windows_there.exchange(send, receive := self._window_buffer(out, leaves))
        self._unpack(receive, out, leaves)

    def _backward(self, array: Any, out: Any, leaves: int, arrives: int) -> None:
        send = self._packed(array, leaves)
        self._windows_back.exchange(send, receive := self._window_buffer(out, arrives))
        self._unpack(receive, out, arrives)

    def _packed(self, array: Any, axis: int) -> Any:
        """The windows along `axis`, one after the other."""
        buffer = self._window_buffer(array, axis)
        if buffer is not array:
            for window, part in self._parts(buffer, array, axis):
                window[...] = part
        return buffer

    def _unpack(self, buffer: Any, array: Any, axis: int) -> None:
        if buffer is not array:
            for window, part in self._parts(buffer, array, axis):
                part[...] = window

    def _window_buffer(self, array: Any, axis: int) -> Any:
        """The array itself where the windows along `axis` are contiguous in it, else a buffer of its size."""
        if int(np.prod(array.shape[:axis])) == 1:
            return array
        if axis not in self._buffers:
            empty = np.empty if self.backend is None else self.backend.empty
            self._buffers[axis] = empty(array.size, self.dtype)
        return self._buffers[axis]

    def _parts(self, buffer: Any, array: Any, axis: int):
        """(windows, their part of the array) as views of one shape: first the longer shares, then the others.

        Two copies pack any number of windows, since shares differ by one index at most.
        """
        even, longer = divmod(array.shape[axis], self.group.size)
        start = place = 0
        for ranks, width in ((longer, even + 1), (self.group.size - longer, even)):
            if ranks == 0:
                continue
            inside = (*(slice(None),) * axis, slice(start, start + ranks * width))
            part = array[inside]
            split = part.reshape(*part.shape[:axis], ranks, width, *part.shape[axis + 1 :])
            ordered = split.transpose(axis, *(a for a in range(split.ndim) if a != axis))
            yield buffer[place : place + part.size].reshape(ordered.shape), ordered
            start += ranks * width
            place += part.size
