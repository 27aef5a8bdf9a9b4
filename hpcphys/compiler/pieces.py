"""Pieces: the terms of a generator, each with its exact flow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hpcphys.compiler.state import State


@dataclass(frozen=True)
class Piece:
    """One term of the generator and its flow.

    name: the field's word for it ("drift", "kick"); errors and timers use it
    equation: the differential equation that the flow solves, as text
    reads, writes: names of the state's arrays; passes insert evaluations and exchanges from them
    flow: flow(state, dt) moves the state in place by the exact flow over the time dt [time]
    code: the same flow in symbols (flows.FlowCode), from which native programs are written; or None
    role: the part it plays in compositions with named parts: "A" drift, "B" kick, "O" Ornstein-Uhlenbeck or
        another thermostat, or a name of one's own ("slow", "fast"); "" for none.  Pieces that share a role
        commute.
    gradient_flow: gradient_flow(state, dt, gradient) moves the state by the exact flow of a kick with a
        modified potential,  p <- p + dt F + gradient * d/dq sum_i |F_i|²/m_i  [dt: time, gradient: time³];
        None if the piece has none.  Compositions with a force gradient (chin4a) need it.
    gradient_reads: what gradient_flow reads besides `reads`
    gradient_code: gradient_code(ratio) is that flow in symbols, with ratio DT³ for the gradient; or None
    native: native(state, dt) offers the flow over dt as calls of compiled functions (fused.calls.Offer), with
        the same numbers, or None for this state; absent if there are none
    keeps_constraints: the flow takes a state that meets the system's constraints to such a state (a scaling
        of all velocities, a shift of whole molecules), so that no projection follows it
    order: None for an exact flow, phi(a) phi(b) = phi(a + b); else the order of a symmetric approximation (2
        for an implicit midpoint), which only compositions of symmetric steps keep
    """

    name: str
    equation: str
    reads: frozenset[str]
    writes: frozenset[str]
    flow: Callable[[State, float], None] = field(compare=False, repr=False)
    code: Any = field(default=None, compare=False, repr=False)
    role: str = ""
    gradient_flow: Callable[[State, float, float], None] | None = field(
        default=None, compare=False, repr=False
    )
    gradient_reads: frozenset[str] = frozenset()
    gradient_code: Callable[[float], Any] | None = field(default=None, compare=False, repr=False)
    native: Callable[[State, float], Any] | None = field(default=None, compare=False, repr=False)
    order: int | None = None
    keeps_constraints: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "reads", frozenset(self.reads))
        object.__setattr__(self, "writes", frozenset(self.writes))
        object.__setattr__(self, "gradient_reads", frozenset(self.gradient_reads))
        if not self.writes:
            raise ValueError(f"piece {self.name!r} writes nothing; name the arrays that its flow changes")


def flow_linear(backend: Any, target: str, source: str) -> Callable[[State, float], None]:
    """The flow  target <- target + dt * source  as one kernel launch: exact while source does not change.

    backend: kernel runtime (hpcphys.kernels.backend) whose module "particles" has axpy64 and axpy32
    target: name of a float64 array; source: name of an array of the same shape, float64 or float32

    The product is formed and summed in double precision for both source types. Deterministic: element by
    element. Raises TypeError for another source type, ValueError if the shapes differ.
    """
    kernels = {"float64": "axpy64", "float32": "axpy32"}
    particles = backend.module("particles")

    def flow(state: State, dt: float) -> None:
        y, x = state[target], state[source]
        if y.shape != x.shape:
            raise ValueError(f"{target} has shape {y.shape} and {source} {x.shape}; they must be equal")
        kernel = kernels.get(str(x.dtype))
        if kernel is None:
            raise TypeError(f"{source} is {x.dtype}; allowed: float64, float32")
        if y.size:
            particles.launch(kernel, int(y.size), y, x, float(dt))

    return flow


def drift(flow: Callable[[State, float], None]) -> Piece:
    """Drift q <- q + dt v: the exact flow of the kinetic energy sum p²/2m, p = m v."""
    return Piece(
        "drift",
        "dq/dt = v",
        frozenset({"position", "velocity"}),
        frozenset({"position"}),
        flow,
        role="A",
    )


def kick(flow: Callable[[State, float], None]) -> Piece:
    """Kick v <- v + dt a(q): the exact flow of the potential energy V(q), a = -(1/m) dV/dq."""
    return Piece(
        "kick",
        "dv/dt = a(q)",
        frozenset({"velocity", "acceleration"}),
        frozenset({"velocity"}),
        flow,
        role="B",
    )
