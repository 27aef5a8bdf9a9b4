"""FFTW plans of one rank, measured once for each node and remembered on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..communicator import Communicator
from .wisdom import fftw, wisdom

EFFORTS = ("estimate", "measure", "patient")
# mpi4py-fft takes only arrays that are aligned at least as well as those it planned with; NumPy's own are
# aligned to 16 bytes and no better, which is all that FFTW's vector units ask for.
_ALIGNMENT = 16


@dataclass(frozen=True)
class Task:
    """One transform of local arrays.

    kind: "forward" or "backward" (complex), "real_forward" or "real_backward"
    source, target: shapes of the arrays;  axes: transformed ones, ascending;  in_place: the arrays are one
    """

    kind: str
    source: tuple[int, ...]
    target: tuple[int, ...]
    axes: tuple[int, ...]
    in_place: bool = False


class Plans:
    """FFTW plans for tasks, unnormalised; `run` executes one of them.

    precision: "double" or "single";  threads: of each transform;  effort: what FFTW does to find a plan:
        "estimate" guesses at once (or takes what was measured before), "measure" tries some, "patient" many
    A real backward transform overwrites its source, no other one does.
    """

    def __init__(self, communicator: Communicator, precision: str, threads: int, effort: str):
        from mpi4py_fft import fftw as names

        self._communicator = communicator
        self._library, self._wisdom = fftw(precision), wisdom(precision)
        self._real = np.dtype("f8" if precision == "double" else "f4")
        self._complex = np.dtype("c16" if precision == "double" else "c8")
        self._threads = threads
        self._keeping = effort != "estimate"  # a guess is not worth a file
        self._flag = {
            "estimate": names.FFTW_ESTIMATE, "measure": names.FFTW_MEASURE, "patient": names.FFTW_PATIENT,
        }[effort]  # fmt: skip
        self._kinds = {
            "forward": names.C2C_FORWARD, "backward": names.C2C_BACKWARD,
            "real_forward": names.R2C, "real_backward": names.C2R,
        }  # fmt: skip
        self._destroying = names.FFTW_DESTROY_INPUT
        self._plans: dict[Task, object] = {}

    @property
    def notes(self) -> list[str]:
        """What became of damaged wisdom."""
        return self._wisdom.notes

    def add(self, tasks: Sequence[Task]) -> None:
        """Make plans for tasks that have none yet; collective, with the same kinds on all ranks.

        Of the ranks of a node that have the same tasks, the first finds the plans; the others take over its
        wisdom: all compute alike, and the search is not disturbed by their own.
        """
        missing = [task for task in tasks if task not in self._plans]
        if not missing:
            return
        node = self._communicator.node
        first = node.allgather(missing).index(missing) == node.rank
        if first:
            self._make(missing)
        node.barrier()
        if not first:
            self._wisdom.load()
            self._make(missing)

    def run(self, task: Task, source: np.ndarray, target: np.ndarray) -> np.ndarray:
        """target ← transform of source; returns target.  The arrays must be `usable`."""
        return self._plans[task](source, target)  # type: ignore[operator]

    def usable(self, array: np.ndarray) -> bool:
        """Whether FFTW's plans take this array as it lies in memory."""
        return self._library.alignment_of(array) == 0

    def _make(self, tasks: Sequence[Task]) -> None:
        for task in tasks:
            kinds = {
                "real_forward": (self._real, self._complex),
                "real_backward": (self._complex, self._real),
            }
            before, after = kinds.get(task.kind, (self._complex, self._complex))
            source = _barely_aligned(task.source, before)
            target = source if task.in_place else _barely_aligned(task.target, after)
            flags = [self._flag] + ([self._destroying] if task.kind == "real_backward" else [])
            plan = self._library.FFT(
                source, target, task.axes, self._kinds[task.kind], self._threads, flags, 1.0
            )
            # A plan keeps the arrays it was made with: give it others, which are never touched and so take
            # no memory, and let those go.
            plan.update_arrays(_barely_aligned(task.source, before), _barely_aligned(task.target, after))
            self._plans[task] = plan
        if self._keeping:
            self._wisdom.save()


def _barely_aligned(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An array without values, aligned to 16 bytes but not to 32."""
    count = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    raw = np.empty(count + 3 * _ALIGNMENT, np.uint8)
    start = (_ALIGNMENT - raw.ctypes.data) % (2 * _ALIGNMENT)
    return raw[start : start + count].view(dtype).reshape(shape)
