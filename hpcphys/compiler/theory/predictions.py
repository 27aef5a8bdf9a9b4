"""What theory says of each quantity of a compiled program: exact to rounding, bounded, or free to drift.

Every flow of a splitting is examined by itself.  A quantity that each of them keeps to rounding is kept by
any composition of them: Casimirs, linear and quadratic invariants, momenta.  A quantity that only the whole
motion keeps, such as the energy, oscillates by C dt^p under a symmetric or symplectic composition of order p,
without a trend; C is measured by trial runs of a few steps with dt and dt/2.  Under a dissipative structure
it drifts.
Source: Hairer, Lubich & Wanner (2006), theorems IV.1.5, IV.2.3, VI.4.1 and IX.8.1; Brouwer (1937) Astron. J.
46, 149 for the growth of rounding errors.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from hpcphys.compiler.operations import Evaluate, Flow
from hpcphys.compiler.state import State

if TYPE_CHECKING:
    from hpcphys.compiler.program import Program

EPSILON = float(np.finfo(np.float64).eps) / 2
"""Half the distance between 1 and the next double: the largest relative error of one rounding."""

TRIAL_STEPS = 200
_KEPT = 64.0
"""A flow keeps a quantity if it changes it by less than so many roundings."""

Quantity = Callable[[State], Any]
Law = Literal["exact", "bounded", "drift"]


@dataclass(frozen=True)
class Prediction:
    """What theory says of one quantity Q along a run.

    law: "exact": changes by rounding alone;  "bounded": oscillates by constant * dt^order, without trend;
        "drift": changes as dissipation, noise or an integrator that is not symplectic make it
    reason: one phrase that says why
    scale: size of the terms that are added up to Q; its rounding errors have the size EPSILON * scale
    flows: number of flows in a step, each of which rounds once
    order, constant: of the bounded oscillation;  constant in units of Q per time^order, None if not measured
    """

    quantity: str
    law: Law
    reason: str
    scale: float = 1.0
    flows: int = 1
    order: int = 0
    constant: float | None = None

    def random_walk(self, steps: float) -> float:
        """Rounding errors of random sign after so many steps: they grow as the square root."""
        return EPSILON * self.scale * np.sqrt(max(self.flows * steps, 1.0))

    def bias(self, steps: float) -> float:
        """Rounding errors all of one sign after so many steps: they grow in proportion."""
        return EPSILON * self.scale * max(self.flows * steps, 1.0)

    def size(self, dt: float, steps: float) -> float | None:
        """The largest |Q - Q(0)| to expect over so many steps of length dt; None where theory gives none."""
        if self.law == "exact":
            return self.random_walk(steps)
        if self.law == "bounded" and self.constant is not None:
            return self.constant * abs(dt) ** self.order + self.random_walk(steps)
        return None

    def describe(self) -> str:
        """One line for `explain`."""
        if self.law == "exact":
            return f"{self.quantity}: exact to rounding ({self.reason})"
        if self.law == "drift":
            return f"{self.quantity}: may drift ({self.reason})"
        size = "C" if self.constant is None else f"{self.constant:.2g}"
        return f"{self.quantity}: oscillates by {size} dt^{self.order}, without trend ({self.reason})"


def predictions(
    program: Program,
    quantities: Mapping[str, Any] | None = None,
    *,
    dt: float | None = None,
    trial_steps: int = TRIAL_STEPS,
) -> tuple[Prediction, ...]:
    """The prediction for each quantity of a program, from its flows and a short trial on a copy of its state.

    quantities: name -> expression in the system's coordinates and parameters, or function of the state that
        returns a number or an array; by default those of conserved_expressions.
        Each should be conserved by the exact motion (or dissipated by it).
    dt: the step [time], by default the program's own;  trial_steps: steps of the trial run; 0 for none, and C
        stays unknown
    The trial moves a copy, on one rank and in NumPy; the program's state does not change.  Raises ValueError
    without a step.
    """
    step = program.dt if dt is None else dt
    if step is None:
        raise ValueError("predictions need a step: give dt here or to compile_structure")
    chosen = quantities if quantities is not None else conserved_expressions(program.system)
    measured = {name: _function(given, program.system) for name, given in chosen.items()}
    kept = {name: _kept_by_flows(program, function, step) for name, function in measured.items()}
    trials = {}
    if trial_steps and not all(kept.values()):
        trials = {
            name: _constant(program, measured[name], step, trial_steps)
            for name, is_kept in kept.items()
            if not is_kept
        }
    return tuple(
        _prediction(name, program, kept[name], trials.get(name), measured[name]) for name in measured
    )


def _prediction(
    name: str, program: Program, kept: bool, constant: float | None, function: Quantity
) -> Prediction:
    table, structure = program.composition, program.system.structure
    flows = sum(isinstance(op, Flow) for op in program.operations)
    scale = float(np.max(_term_size(program, function)))
    if kept:
        return Prediction(name, "exact", "every flow of the splitting keeps it", scale, flows)
    if _dissipates(name, program.system):
        return Prediction(name, "drift", f"the {structure.name} structure changes it", scale, flows)
    if not table.symmetric and program.controller is not None:
        return Prediction(name, "drift", "changing steps that are not time-symmetric", scale, flows)
    every = getattr(program.system.constraints, "project_every", 1)
    if every > 1:
        return Prediction(name, "drift", f"constraints are met every {every} steps only", scale, flows)
    exact = all(piece.order is None for piece in program.system.pieces)
    kind = (
        "symplectic"
        if exact
        else "time-symmetric, flows of their own order"
        if table.symmetric
        else "inexact"
    )
    reason = f"{table.name}: {kind}, order {table.order}"
    return Prediction(name, "bounded", reason, scale, flows, table.order, constant)


def conserved_expressions(system: Any) -> dict[str, Any]:
    """Name -> expression: the energy, and what the motion conserves by the structure's own account.

    The energy is listed even where friction, noise or a thermostat changes it, so that it can be watched.
    """
    energy = getattr(system, "hamiltonian", None)
    if energy is None:
        return dict(getattr(system.structure, "casimir_expressions", {}))
    return {"energy": energy, **system.structure.conserved(energy)}


def _dissipates(name: str, system: Any) -> bool:
    """Whether the structure changes a quantity that it would otherwise conserve."""
    structure, energy = system.structure, getattr(system, "hamiltonian", None)
    if getattr(structure, "noise", None):
        return True
    changes = any(hasattr(structure, what) for what in ("friction", "thermostat_energy", "dissipative"))
    if energy is None or not hasattr(structure, "conserved"):
        return changes
    return name == "energy" and name not in structure.conserved(energy)


def _function(given: Any, system: Any) -> Quantity:
    """A quantity as a function of the state."""
    if callable(given):
        return given
    import sympy

    expression = sympy.sympify(given)
    known = system.coordinates
    arguments = [*known.symbols, *known.parameter_symbols]
    compiled = sympy.lambdify(arguments, expression, "numpy", cse=True)
    single = {name: np.asarray(value, dtype=np.float64) for name, value in system.parameters.items()}

    def quantity(state: State) -> Any:
        arrays = {name: state[name] for name in state.names() if name in known.named}
        columns = known.columns({**single, **arrays})
        return compiled(*(columns[symbol] for symbol in arguments))

    return quantity


def copy_of(state: State) -> State:
    """A state with arrays of its own."""
    arrays = {name: state[name].copy() for name in state.names()}
    return State(arrays, state.time, state.step, state.scalars)


def on_copy(program: Program) -> Program:
    """The program on a copy of its state, in NumPy."""
    system = dataclasses.replace(program.system, state=copy_of(program.state))
    return type(program)(
        system, program.composition, program.operations, program.entry, dt=program.dt, controller=None
    )


def _kept_by_flows(program: Program, quantity: Quantity, dt: float) -> bool:
    """Whether each flow of a step by itself changes the quantity by no more than rounding."""
    trial = on_copy(program)
    trial.prepare()
    before = np.asarray(quantity(trial.state))
    size = _term_size(trial, quantity)
    for op in trial.operations:
        trial.execute(op, dt)
        after = np.asarray(quantity(trial.state))
        if not isinstance(op, Evaluate) and np.any(np.abs(after - before) > _KEPT * EPSILON * size):
            return False
        before = after
    return True


def _term_size(program: Program, quantity: Quantity) -> Any:
    """Size of what rounding changes in the quantity: found by rounding every value of the state at random."""
    rng = np.random.default_rng(7)
    state = copy_of(program.state)
    written = sorted(frozenset().union(*(op.writes for op in program.operations if isinstance(op, Flow))))
    reference, size = np.asarray(quantity(state)), 0.0
    relative = 1e-7
    for _ in range(4):
        for name in written:
            values = program.state[name]
            state[name][...] = values * (1.0 + relative * rng.choice([-1.0, 1.0], np.shape(values)))
        size = np.maximum(size, np.abs(np.asarray(quantity(state)) - reference) / relative)
    return np.maximum(size, np.abs(reference)) + np.finfo(float).tiny


def _constant(program: Program, quantity: Quantity, dt: float, steps: int) -> float:
    """C = largest |Q - Q(0)| / dt^p over a trial run, from the steps dt and dt/2: the larger of the two."""
    found = []
    for length, count in ((dt, steps), (dt / 2, 2 * steps)):
        trial = on_copy(program)
        start, largest = np.asarray(quantity(trial.state)), 0.0
        for _ in range(count):
            trial.step(length)
            largest = max(largest, float(np.max(np.abs(quantity(trial.state) - start))))
        found.append(largest / abs(length) ** program.composition.order)
    return max(found)
