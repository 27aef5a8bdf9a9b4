"""Two ways through the stages of a transform: FFTW on the host, array operations where a GPU computes."""

from __future__ import annotations

from typing import Any

import numpy as np

from .plans import Plans, Task
from .stages import Stages


class HostPath:
    """The stages with FFTW plans; transfers by MPI's derived types.  Unnormalised both ways.

    Work space, in amplitudes of this rank: none on one rank (a real `backward` that may not overwrite its
    source: one), one for slabs, two for pencils of three axes and for the way back to real points; it is
    taken when first needed and kept.
    """

    def __init__(self, stages: Stages, real: bool, dtypes: tuple[np.dtype, np.dtype], plans: Plans):
        self._stages, self._real, self._plans = stages, real, plans
        self._physical_type, self._spectral_type = dtypes
        self._scratch: dict[int, np.ndarray] = {}
        self._tasks: dict[tuple[str, int, bool], Task] = {}
        self._scratch_count = max(pencil.count for pencil in stages.pencils)
        last = len(stages.pencils) - 1
        moved = last > 0  # the way back ends where the transfer put the values, unless they become real
        plans.add([self._task("forward", stage, stage > 0) for stage in range(last + 1)])
        plans.add([self._task("backward", stage, moved) for stage in range(last + 1)])

    @property
    def work_bytes(self) -> int:
        """Bytes of work space taken so far."""
        return sum(array.nbytes for array in self._scratch.values())

    def forward(self, array: np.ndarray, out: np.ndarray | None, overwrite: bool) -> np.ndarray:
        """Points → amplitudes."""
        stages, last = self._stages, len(self._stages.pencils) - 1
        in_place = not self._real and (out is array or (overwrite and out is None))
        overwrite = overwrite and not self._real and out is not array
        array = self._aligned(array)
        if last == 0 and in_place:
            return _delivered(self._run("forward", 0, array, array), out)
        result = self._result(out, stages.pencils[-1].subshape, self._spectral_type)
        target = result if last == 0 else array if overwrite else self._work(0, 0)
        values = self._run("forward", 0, array, target)
        for stage in range(1, last + 1):
            moved = result if stage == last else self._work(1, stage)
            values = stages.transfers[stage - 1].forward(values, moved)
            self._run("forward", stage, values, values)
        return _delivered(result, out)

    def backward(self, array: np.ndarray, out: np.ndarray | None, overwrite: bool) -> np.ndarray:
        """Amplitudes → points."""
        stages, last = self._stages, len(self._stages.pencils) - 1
        if last == 0:
            return self._backward_alone(array, out, overwrite)
        overwrite = overwrite and out is not array
        array = self._aligned(array)
        result = self._result(out, stages.physical.subshape, self._physical_type)
        values = array
        if not overwrite:
            # A copy and a transform in place: along an axis with a stride that is up to twice as fast as a
            # transform from one array into another.
            values = self._work(0, last)
            values[...] = array
        self._run("backward", last, values, values)
        for stage in range(last - 1, -1, -1):
            ends = stage == 0 and not self._real
            moved = result if ends else self._work(1 - (last - 1 - stage) % 2, stage)
            values = stages.transfers[stage].backward(values, moved)
            self._run("backward", stage, values, result if stage == 0 else values)
        return _delivered(result, out)

    def _backward_alone(self, array: np.ndarray, out: np.ndarray | None, overwrite: bool) -> np.ndarray:
        """One rank: one plan; a real one overwrites its source."""
        in_place = not self._real and (out is array or (overwrite and out is None))
        array = self._aligned(array)
        if in_place:
            return _delivered(self._run("backward", 0, array, array), out)
        result = self._result(out, self._stages.physical.subshape, self._physical_type)
        if self._real and not overwrite:
            work = self._work(0, 0)
            work[...] = array
            array = work
        self._run("backward", 0, array, result)
        return _delivered(result, out)

    def _run(self, kind: str, stage: int, source: np.ndarray, target: np.ndarray) -> np.ndarray:
        task = self._tasks.get((kind, stage, source is target))
        if task is None:
            task = self._tasks[kind, stage, source is target] = self._task(kind, stage, source is target)
            self._plans.add([task])
        return self._plans.run(task, source, target)

    def _task(self, kind: str, stage: int, in_place: bool) -> Task:
        shape = self._stages.pencils[stage].subshape
        axes = self._stages.axes[stage]
        if stage > 0 or not self._real:
            return Task(kind, shape, shape, axes, in_place)
        physical = self._stages.physical.subshape
        shapes = (physical, shape) if kind == "forward" else (shape, physical)
        return Task(f"real_{kind}", *shapes, axes)

    def _aligned(self, array: np.ndarray) -> np.ndarray:
        """The array, or a copy that FFTW can use: the ranks go the same way wherever their arrays lie."""
        return array if self._plans.usable(array) else array.copy()

    def _result(self, out: np.ndarray | None, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """Where the result is computed: in `out` if FFTW can write there."""
        return out if out is not None and self._plans.usable(out) else np.empty(shape, dtype)

    def _work(self, number: int, stage: int) -> np.ndarray:
        """Work space number 0 or 1 in the shape of a stage."""
        if number not in self._scratch:
            self._scratch[number] = np.empty(self._scratch_count, self._spectral_type)
        pencil = self._stages.pencils[stage]
        return self._scratch[number][: pencil.count].reshape(pencil.subshape)


class ArrayPath:
    """The stages by the transforms of an array namespace (cuFFT in CuPy's, whose plans CuPy keeps).

    Each transform makes a new array; transfers go through two work arrays.  Unnormalised both ways.
    """

    def __init__(self, stages: Stages, real: bool, dtype: np.dtype, xp: Any):
        self._stages, self._real, self._xp, self._dtype = stages, real, xp, dtype
        self._scratch: dict[int, Any] = {}

    @property
    def work_bytes(self) -> int:
        """Bytes of work space taken so far."""
        return sum(int(array.nbytes) for array in self._scratch.values())

    def forward(self, array: Any, out: Any, overwrite: bool) -> Any:
        """Points → amplitudes."""
        fft, stages = self._xp.fft, self._stages
        values = (fft.rfftn if self._real else fft.fftn)(array, axes=stages.axes[0])
        for stage, transfer in enumerate(stages.transfers, start=1):
            values = transfer.forward(self._xp.ascontiguousarray(values), self._work(stage))
            values = fft.fftn(values, axes=stages.axes[stage])
        return _delivered(values, out)

    def backward(self, array: Any, out: Any, overwrite: bool) -> Any:
        """Amplitudes → points."""
        fft, stages = self._xp.fft, self._stages
        values = array
        for stage in range(len(stages.transfers), 0, -1):
            values = fft.ifftn(values, axes=stages.axes[stage], norm="forward")
            values = self._xp.ascontiguousarray(values)
            values = stages.transfers[stage - 1].backward(values, self._work(stage - 1))
        axes = stages.axes[0]
        if not self._real:
            return _delivered(fft.ifftn(values, axes=axes, norm="forward"), out)
        lengths = [stages.physical.shape[axis] for axis in axes]
        return _delivered(fft.irfftn(values, s=lengths, axes=axes, norm="forward"), out)

    def _work(self, stage: int) -> Any:
        if stage not in self._scratch:
            self._scratch[stage] = self._xp.empty(self._stages.pencils[stage].subshape, self._dtype)
        return self._scratch[stage]


def _delivered(result: Any, out: Any) -> Any:
    """The result, in `out` if the caller gave one."""
    if out is None or result is out:
        return result
    out[...] = result
    return out
