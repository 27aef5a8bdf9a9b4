"""The compiled kernel of a program's steps, and its calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hpcphys.compiler.expressions.coordinates import Variable
from hpcphys.compiler.failures import SystemFailed
from hpcphys.compiler.flows import noise
from hpcphys.compiler.native.kernel import KernelText, Layout
from hpcphys.compiler.state import State

SCALAR_UP_TO = 2
"""Batches of at most so many systems run one by one: a vector operation waits longer than a scalar one."""

FAILURE_BITS = 16


class NativeProgram:
    """The compiled kernel of a step; `advance` moves a state by any number of equal steps.

    kernel, layout: the generated text and where its values come from
    backend: kernel runtime;  total: number of systems on all ranks, which chooses between lanes and scalars
    parameters: name -> one value (number or (size,)) for all systems; the others are arrays of the state
    fields: what `evaluate` can compute by itself
    A result does not depend on the number of threads or ranks, nor on how steps are divided into calls.
    """

    def __init__(
        self,
        kernel: KernelText,
        layout: Layout,
        parameters: Mapping[str, Any],
        fields: Sequence[Any],
        backend: Any,
        total: int,
        name: str = "program",
    ):
        self.layout = layout
        self.kernel = kernel
        self.text = self.kernel.text
        self.fields = {field.name: index for index, field in enumerate(fields)}
        registers = registers_for(self.kernel)
        defines = {"SCALAR_SYSTEMS": 1} if total <= SCALAR_UP_TO else {"REGISTERS": registers}
        if self.kernel.outlined:
            defines["OUTLINED"] = 1
        self._module = backend.generated(name, self.text, **defines)
        values = [np.ravel(np.asarray(parameters[v.name], dtype=np.float64)) for v in self.layout.uniform]
        self._uniform = backend.array(np.concatenate([*values, np.zeros(1)]))
        self._backend = backend

    def advance(self, state: State, steps: int, dt: float) -> None:
        """Move every system of the state by `steps` steps of length dt, in one call.

        Raises SystemFailed when a flow fails; the systems that failed keep the state in which they began that
        step, the others have done all steps. Raises ValueError for an array that does not fit.
        """
        if not state.count:
            return
        status = self._backend.zeros(state.count, dtype=np.int64) if self.kernel.failures else None
        seed = int(state.scalars.get(noise.SEED, 0))
        start = (state.step, state.first, seed)
        self._module.launch("advance_systems", state.count, steps, dt, *start, *self._arrays(state), status)
        if status is not None and status.any():
            self._raise(self._backend.host(status), state.first)

    def evaluate(self, field: str, state: State) -> None:
        """Fill the derived arrays of a field from the present state."""
        if state.count:
            self._module.launch(f"evaluate_{self.fields[field]}", state.count, *self._arrays(state))

    def _arrays(self, state: State) -> list[Any]:
        return [*(self._array(state, variable) for variable in self.layout.arrays), self._uniform]

    def _array(self, state: State, variable: Variable) -> Any:
        shape = (state.count,) if variable.size is None else (state.count, variable.size)
        if variable.name not in state and variable in self.layout.moved:
            state[variable.name] = self._backend.zeros(shape)  # a derived array that nobody has filled yet
        array = state[variable.name]
        if tuple(array.shape) != shape or str(array.dtype) != "float64":
            raise ValueError(
                f"array {variable.name} is {array.dtype} {tuple(array.shape)}; needed: float64 {shape}"
            )
        return array

    def _raise(self, status: np.ndarray, first: int) -> None:
        failed = np.flatnonzero(status)
        worst = failed[np.argmin(status[failed] >> FAILURE_BITS)]
        step, code = divmod(int(status[worst]), 1 << FAILURE_BITS)
        operation, message = self.kernel.failures[code - 1]
        raise SystemFailed(operation, message, first + int(worst), step + 1, len(failed))


def registers_for(kernel: KernelText) -> int:
    """Vector registers per value: several hide the time that one would wait for, too many spill.

    Measured on AVX-512, 1e6 steps/s with 1, 2, 3, 4 of them: Kepler 275, 519, 692, 743; three bodies 227,
    315, 330, 331; rigid body 73, 131, 158, 163.
    """
    if kernel.outlined:
        return 1
    return 4 if kernel.statements <= 60 else 3 if kernel.statements <= 150 else 2
