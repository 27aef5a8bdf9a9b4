"""One forward and one backward transform on this many ranks: hpcphys, mpi4py-fft and pyFFTW in turn.

mpirun -n R python scaling/pencil_probe.py OUT.json REPEATS SHAPE…      (SHAPE like 512x512)

OUT.json: a list of records, one for each shape, kind (real, complex) and precision: wall seconds of a pair
forward + backward (one of them normalised), the slowest rank's, best of REPEATS; bytes sent by each rank in
one forward, and what the model says.  Threads: one.  Planner: measure.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from hpcphys.decomposition.communicator import Communicator
from hpcphys.decomposition.pencils.transform import FourierTransform


def ours(transform: FourierTransform, overwrite: bool) -> Callable[[], object]:
    """forward and backward into arrays that exist."""
    points = np.ones(transform.physical.subshape, transform.physical_type)
    amplitudes = np.empty(transform.spectral.subshape, transform.spectral_type)

    def pair() -> None:
        transform.forward(points, amplitudes, overwrite)
        transform.backward(amplitudes, points, overwrite)

    return pair


def mpi4py_fft(communicator: Communicator, shape: tuple[int, ...], dtype: np.dtype) -> Callable[[], object]:
    """The same by mpi4py-fft's PFFT in slabs; its forward is normalised."""
    from mpi4py import MPI
    from mpi4py_fft import PFFT, newDistArray

    world = communicator.mpi or MPI.COMM_SELF
    transform = PFFT(world, shape, dtype=dtype, slab=True, planner_effort="FFTW_MEASURE")
    points, amplitudes = newDistArray(transform, False, val=1), newDistArray(transform, True)

    def pair() -> None:
        transform.forward(points, amplitudes)
        transform.backward(amplitudes, points)

    return pair


def pyfftw(shape: tuple[int, ...], dtype: np.dtype) -> Callable[[], object] | None:
    """The same by pyFFTW on one rank; its inverse is normalised.  None where it is not installed."""
    try:
        import pyfftw
    except ImportError:
        return None
    axes = tuple(range(len(shape)))
    points = pyfftw.empty_aligned(shape, dtype)
    half = (*shape[:-1], shape[-1] // 2 + 1) if dtype.kind == "f" else shape
    amplitudes = pyfftw.empty_aligned(half, np.result_type(dtype, np.complex64))
    flags = ("FFTW_MEASURE",)
    forward = pyfftw.FFTW(points, amplitudes, axes=axes, flags=flags)
    backward = pyfftw.FFTW(
        amplitudes, points, axes=axes, direction="FFTW_BACKWARD", flags=(*flags, "FFTW_DESTROY_INPUT")
    )
    points[...] = 1

    def pair() -> None:
        forward()
        backward()

    return pair


def best(
    communicator: Communicator, actions: dict[str, Callable[[], object]], repeats: int
) -> dict[str, float]:
    """Wall seconds of each action: the slowest rank's, best of the repeats, which take turns."""
    found = dict.fromkeys(actions, np.inf)
    for _ in range(repeats + 1):  # the first warms up and counts all the same: the best is taken
        for name, action in actions.items():
            communicator.barrier()
            began = time.perf_counter()
            action()
            found[name] = min(found[name], communicator.allreduce(time.perf_counter() - began, "max"))
    return found


def record(
    communicator: Communicator, shape: tuple[int, ...], real: bool, precision: str, repeats: int
) -> dict:
    """Everything about one shape, kind and precision."""
    transform = FourierTransform(shape, communicator, real, precision)
    dtype = transform.physical_type
    actions = {
        "hpcphys": ours(transform, False),
        "hpcphys, overwriting": ours(transform, True),
        "mpi4py-fft": mpi4py_fft(communicator, shape, dtype),
    }
    peer = pyfftw(shape, dtype) if communicator.size == 1 else None
    if peer is not None:
        actions["pyFFTW"] = peer
    seconds = best(communicator, actions, repeats)
    communicator.reset_counters()
    transform.forward(np.ones(transform.physical.subshape, dtype))
    counted = communicator.counters()["bytes_sent"]
    sent = communicator.allgather((counted, transform.bytes))
    return {
        "shape": shape, "kind": "real" if real else "complex", "precision": precision, "seconds": seconds,
        "bytes": sent, "model": transform.model_bytes,
    }  # fmt: skip


def main(arguments: list[str]) -> int:
    """Measure all; rank 0 writes."""
    target, repeats = Path(arguments[0]), int(arguments[1])
    shapes = [tuple(int(n) for n in text.split("x")) for text in arguments[2:]]
    communicator = Communicator.start()
    records = [
        record(communicator, shape, real, precision, repeats)
        for shape in shapes
        for real in (True, False)
        for precision in ("double", "single")
    ]
    if communicator.rank == 0:
        target.write_text(json.dumps(records), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
