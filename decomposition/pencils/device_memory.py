"""Arrays in a GPU's memory and MPI: whether it takes them, and the way through the host where it does not."""

from __future__ import annotations

import ctypes
import functools
import os
from typing import Any

# Set by the user or by the site's modules: "1" promises that MPI reads and writes device memory.
SETTING = "HPCPHYS_CUDA_AWARE_MPI"
_VENDORS = ("MPICH_GPU_SUPPORT_ENABLED", "MV2_USE_CUDA")


@functools.cache
def mpi_takes_device_memory() -> bool:
    """Whether MPI sends and receives arrays that lie in a GPU's memory (CUDA-aware MPI).

    $HPCPHYS_CUDA_AWARE_MPI=0|1 decides; else Open MPI is asked (MPIX_Query_cuda_support), and Cray MPICH and
    MVAPICH are believed when their own variable for it is set.
    """
    if os.environ.get(SETTING):
        return os.environ[SETTING] not in ("0", "no", "off", "false")
    if any(os.environ.get(name, "0") not in ("", "0") for name in _VENDORS):
        return True
    from mpi4py import MPI

    query = getattr(ctypes.CDLL(MPI.__file__), "MPIX_Query_cuda_support", None)
    return query is not None and bool(query())


class Staging:
    """Hands device arrays to MPI: themselves, once the device has written them, or copies in host memory.

    backend: the GPU's (hpcphys.kernels.backend)
    """

    def __init__(self, backend: Any):
        self._backend = backend
        self._host: dict[str, Any] = {}

    def buffers(self, source: Any, target: Any) -> tuple[Any, Any]:
        """(send, receive) for MPI; where `receive` is not `target`, target.set(receive) must follow."""
        if mpi_takes_device_memory():
            self._backend.synchronize()
            return source, target
        send = self._buffer("send", source)
        source.get(out=send)
        return send, self._buffer("receive", target)

    def _buffer(self, name: str, array: Any) -> Any:
        kept = self._host.get(name)
        if kept is None or kept.size != array.size or kept.dtype != array.dtype:
            kept = self._host[name] = self._backend.pinned(array.size, array.dtype)
        return kept
