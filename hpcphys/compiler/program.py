"""The compiled program: the operations of one step, and the loop that runs them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from math import isfinite
from typing import Any, Protocol

from hpcphys.compiler import passes
from hpcphys.compiler.compositions import Composition
from hpcphys.compiler.compositions import composition as composition_named
from hpcphys.compiler.constrain import begin_constrained, check_constrain, constrain
from hpcphys.compiler.explain import explanation
from hpcphys.compiler.failures import SystemFailed
from hpcphys.compiler.fused.loop import native_loop
from hpcphys.compiler.operations import ChooseStep, Evaluate, Exchange, Flow, Operation, Project
from hpcphys.compiler.state import State
from hpcphys.compiler.system import PhysicalSystem

TIME_COMPENSATION = "time.compensation"
TIME_STEP, TIME_ORIGIN, TIME_ORIGIN_STEP = "time.step", "time.origin", "time.origin_step"
SEED = "noise.seed"


class Timers(Protocol):
    """What times operations: `measure(name)` is a context that an operation runs in."""

    def measure(self, name: str) -> AbstractContextManager[Any]: ...


class OperationError(RuntimeError):
    """An operation of a program failed; the message names it, the step and the time; the cause is chained."""


class Program:
    """The operations of one step of a system, ready to run. Made by `compile_structure`.

    operations: executed in this order by every step
    native, loop: how `run` does many steps without Python: one generated kernel (native.fuse), or a loop over
        native calls (fused.loop); None where it does not
    entry: names of the fields that are valid when a step begins (evaluated once, before the first step)
    dt: the default step [time], or None

    A step is deterministic given the state and its scalars: a program built on a restored state (arrays,
    time, step and scalars) goes on bit for bit as the program that saved it, if its fields do.
    """

    def __init__(
        self,
        system: PhysicalSystem,
        composition: Composition,
        operations: tuple[Operation, ...],
        entry: frozenset[str],
        controller: Any = None,
        dt: float | None = None,
        timers: Timers | None = None,
        native: Any = None,
        loop: Any = None,
    ):
        self.system = system
        self.composition = composition
        self.operations = operations
        self.entry = entry
        self.controller = controller
        self.dt = dt
        self.timers = timers
        self.native = native
        self.loop = loop
        self._fields = {field.name: field for field in system.fields}

    @property
    def state(self) -> State:
        """The state that the program moves."""
        return self.system.state

    @property
    def evaluations_per_step(self) -> int:
        """Number of field evaluations in a step (asked outputs may add one)."""
        return sum(isinstance(op, Evaluate) for op in self.operations)

    def prepare(self, outputs: Iterable[str] = ()) -> None:
        """Evaluate what the first step finds valid, and the asked outputs; nothing that is valid already.

        On a restored state whose scalars say that everything is valid this does nothing, so that a resumed
        run does not differ from an uninterrupted one. Raises ValueError for an output that no field computes.
        """
        needed = set(self.entry)
        at_start: frozenset[str] = frozenset()
        if self.controller is not None and not self.controller.started(self.state):
            at_start = frozenset(self.controller.outputs_at_start)
        wanted = self.system.fields_for(frozenset(outputs) | at_start)
        for field in self.system.fields:
            own = wanted.get(field.name, frozenset())
            names = own | (frozenset(field.writes) if field.name in needed else frozenset())
            if not all(self.state.is_valid(name) for name in names):
                self._evaluate_now(field, own)
        if self.controller is not None and not self.controller.started(self.state):
            self.controller.start(self.state)

    def step(self, dt: float | None = None, outputs: Iterable[str] = ()) -> float:
        """One step: z <- phi(dt) z, time and step count included. Returns the dt of the step.

        dt: the step [time]; by default the program's own. With a controller it must not be given.
        outputs: names of optional arrays (such as "potential") that must be valid at the end of the step.
            They come with the last evaluation where it is at the final state (kick-drift-kick), else with
            one more.
        Raises OperationError if an operation fails, ValueError for a step or an output that is not allowed.
        """
        if self.native is not None:
            self._run_native(1, dt, outputs)
            return self.dt if dt is None else dt
        length = self._step(dt, outputs)
        self._synchronise()
        return length

    def _step(self, dt: float | None, outputs: Iterable[str] = ()) -> float:
        """One step; flows of its end may still be due (PhysicalSystem.synchronise)."""
        length = self._length(dt)
        wanted = self.system.fields_for(frozenset(outputs))
        self.prepare()
        self.state.blocks_drawn = 0
        final = self._final_evaluations()
        for index, op in enumerate(self.operations):
            own = wanted.pop(op.name, frozenset()) if final.get(op.name) == index else frozenset()
            length = self.execute(op, length, own)
        self.advance(length)
        for name, own in wanted.items():
            if not all(self.state.is_valid(output) for output in own):
                self._evaluate_now(self._fields[name], own)
        return length

    def run(self, steps: int, dt: float | None = None, outputs: Iterable[str] = ()) -> None:
        """Do `steps` steps; the `outputs` are valid at the end of the last.  A native program does them in
        one call, and lazy flows are merged from step to step: run(n) then differs from n times step() in
        rounding."""
        if self.native is not None:
            self._run_native(steps, dt, outputs)
            return
        outputs = frozenset(outputs)
        if self.loop is not None and (fused := steps - bool(outputs)) > 0:
            length = self._length(dt)
            self.prepare()
            self.loop.run(self, fused, length)
            steps -= fused
        for remaining in range(steps, 0, -1):
            self._step(dt, outputs if remaining == 1 else ())
        self._synchronise()

    def reverse(self) -> None:
        """Reverse time: the next steps retrace the last ones to round-off (symmetric compositions).

        Velocities change sign, and an adaptive controller its memory; time goes on forwards.
        """
        self.prepare()
        self.system.structure.reverse(self.state)
        if self.system.carries:
            from hpcphys.compiler.compensate import reverse_carries

            reverse_carries(self.system)
        if self.controller is not None:
            self.controller.reverse(self.state)

    def explain(self) -> str:
        """The equations, the splitting with order and source, the operations, and the fields, as text."""
        return explanation(self)

    def predictions(self, quantities: Mapping[str, Any] | None = None, **options: Any) -> tuple[Any, ...]:
        """What theory says of each conserved quantity: see theory.predictions."""
        from hpcphys.compiler.theory.predictions import predictions

        return predictions(self, quantities, **options)

    def _synchronise(self) -> None:
        """Complete the flows that an engine has merged across steps and still owes."""
        if self.system.synchronise is not None:
            with self.timers.measure("synchronise") if self.timers is not None else nullcontext():
                self.system.synchronise(self.state)

    def _length(self, dt: float | None) -> float:
        """The step to take: the argument, else the program's own; 0 where the controller chooses."""
        if self.controller is not None:
            if dt is not None:
                raise ValueError("the controller chooses the step; call step() without dt")
            return 0.0
        length = self.dt if dt is None else dt
        if length is None or not isfinite(length):
            raise ValueError(
                f"step dt = {length!r}; a finite number is needed, as an argument or from compile_structure"
            )
        return length

    def _run_native(self, steps: int, dt: float | None, outputs: Iterable[str]) -> None:
        """All operations of `steps` equal steps as one call of the compiled kernel."""
        length, state, fields = self._length(dt), self.state, self.system.fields
        wanted = self.system.fields_for(frozenset(outputs))
        self.prepare()
        with self.timers.measure("steps") if self.timers is not None else nullcontext():
            try:
                self.native.advance(state, steps, length)
            except SystemFailed as failure:
                time = state.time + (failure.step - 1 - state.step) * length
                raise OperationError(
                    f"flow {failure.operation!r} failed in step {failure.step} at time {time:g}: {failure}"
                ) from failure
            except Exception as error:
                raise OperationError(
                    f"steps {state.step + 1} to {state.step + steps} from time {state.time:g} failed: {error}"
                ) from error
        self._advance_equally(length, steps)
        valid = passes.valid_at_exit(self.operations, fields, self.entry)
        state.invalidate()
        for field in fields:
            if field.name in valid:
                state.mark_valid(field.writes)
        for name, own in wanted.items():
            if not all(state.is_valid(output) for output in own):
                self._evaluate_now(self._fields[name], own)

    def _advance_equally(self, dt: float, steps: int) -> None:
        """time <- origin + (steps since then) dt: one rounding, however the calls divide the steps."""
        state = self.state
        if state.scalars.get(TIME_STEP) != dt:
            state.scalars.update({TIME_STEP: dt, TIME_ORIGIN: state.time, TIME_ORIGIN_STEP: state.step})
        state.step += steps
        state.time = state.scalars[TIME_ORIGIN] + (state.step - state.scalars[TIME_ORIGIN_STEP]) * dt

    def _final_evaluations(self) -> dict[str, int]:
        """Field name -> index of its evaluation at the final state of the step, where there is one."""
        final: dict[str, int] = {}
        for index, op in enumerate(self.operations):
            for name in [n for n, i in final.items() if self._fields[n].reads & op.writes and i != index]:
                del final[name]
            if isinstance(op, Evaluate):
                final[op.name] = index
        return final

    def execute(self, op: Operation, dt: float, outputs: frozenset[str] = frozenset()) -> float:
        """Run one operation of a step dt; returns the dt of the step, which ChooseStep sets.

        Raises OperationError.
        """
        state = self.state
        try:
            with self.timers.measure(op.name) if self.timers is not None else nullcontext():
                if isinstance(op, Flow | Project):
                    self.invalidate_dependents(op)
                    op.run(state, dt)
                elif isinstance(op, Evaluate):
                    self.invalidate_dependents(op)
                    op.field.evaluate(state, outputs)
                    state.mark_valid(op.writes | outputs)
                elif isinstance(op, Exchange):
                    op.layout.exchange(state)
                    state.check_rows()
                elif isinstance(op, ChooseStep):
                    self._synchronise()
                    dt = op.controller.choose(state)
        except Exception as error:
            raise self.failed(op, error) from error
        return dt

    def failed(self, op: Operation, error: Exception) -> OperationError:
        """The error that names the operation, the step and the time; `error` is its cause."""
        state, kind = self.state, type(op).__name__.lower()
        found = OperationError(
            f"{kind} {op.name!r} failed in step {state.step + 1} at time {state.time:g}: {error}"
        )
        found.__cause__ = error
        return found

    def invalidate_dependents(self, op: Operation) -> None:
        """Record that what fields made of the arrays that `op` changes is not valid any more."""
        for field in self.system.fields:
            if field.name != op.name and frozenset(field.reads) & op.writes:
                self.state.invalidate(frozenset(field.writes) | frozenset(field.optional))

    def _evaluate_now(self, field: Any, outputs: frozenset[str]) -> None:
        """An evaluation outside the step's own operations, with its exchange."""
        if self.native is not None:
            self.native.evaluate(field.name, self.state)
            self.state.mark_valid(field.writes)
            return
        if getattr(field, "layout", None) is not None:
            self.execute(Exchange(field.layout), 0.0)
        self.execute(Evaluate(field), 0.0, outputs)

    def advance(self, dt: float) -> None:
        """time <- time + dt by compensated summation, so that 1000 steps of 0.01 make 10.

        Source: Kahan (1965) Commun. ACM 8, 40.
        """
        state = self.state
        increment = dt + state.scalars.get(TIME_COMPENSATION, 0.0)
        before = state.time
        state.time = before + increment
        state.scalars[TIME_COMPENSATION] = increment - (state.time - before)
        state.step += 1


def compile_structure(
    system: PhysicalSystem,
    composition: str | Composition = "leapfrog",
    controller: Any = None,
    *,
    dt: float | None = None,
    timers: Timers | None = None,
    backend: Any = None,
    total: int | None = None,
    seed: int | None = None,
    compensated: bool = False,
) -> Program:
    """Compile a system and a composition into a program, pass by pass, each followed by its check.

    composition: a name (see compositions.composition_names()) or a table of one's own
    controller: chooses every step (adaptive.SymmetricSteps); None for steps that the caller gives
    dt: default step [time] of program.step and program.run
    timers: an object with measure(name), a context in which each operation runs
    backend: where a system of expressions runs, whose operations all have their flows in symbols: a kernel
        runtime; None for the one that its arrays belong to (a GPU for CuPy arrays, else the CPU); or "numpy"
        for NumPy, operation by operation, the reference of the native kernels
    total: number of systems on all ranks, where they are more than this rank's
    seed: of the random numbers, 0 <= seed < 2**63; by default the state's own (scalar "noise.seed"), or 0
    compensated: keep what rounding takes from the sums z <- z + increment in arrays carry_<name> of the
        state; for systems of expressions (see compensate.compensate)
    Raises passes.CompileError if the system and the composition do not fit, ConstraintError if the state does
    not meet the system's constraints, ValueError for an unknown name or a seed out of range,
    native.ProgramTooLarge for a system with too many terms to be compiled.
    """
    if seed is not None:
        if not 0 <= seed < 1 << 63:
            raise ValueError(f"seed = {seed}: must be at least 0 and below 2**63")
        system.state.scalars[SEED] = seed
    if compensated:
        from hpcphys.compiler.compensate import compensate

        system = compensate(system)
    table = composition_named(composition) if isinstance(composition, str) else composition
    operations = passes.compose(system, table, controller)
    passes.check_compose(operations, system)
    if system.constraints is not None:
        begin_constrained(system)
        operations = constrain(operations, system, table)
        check_constrain(operations, system)
    operations = passes.merge(operations)
    passes.check_merge(operations, system)
    operations = passes.insert_evaluations(operations, system)
    passes.check_evaluations(operations, system)
    operations, entry = passes.reuse(operations, system)
    passes.check_reuse(operations, system, entry)
    operations = passes.insert_exchanges(operations)
    passes.check_exchanges(operations)
    native = None
    if system.coordinates is not None and controller is None and backend != "numpy":
        from hpcphys.compiler.native.fuse import fuse

        native = fuse(operations, system, backend, system.state.count if total is None else total)
    loop = None
    if native is None and controller is None and system.synchronise is None:
        loop = native_loop(operations)
    return Program(system, table, operations, entry, controller, dt, timers, native, loop)
