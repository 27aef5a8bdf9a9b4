"""Minimisation of a potential energy over the rows of all ranks: FIRE 2.0 and L-BFGS.

The field may move rows between ranks or permute them at any evaluation: whatever belongs to an atom (its
velocity, the history of its steps) is an array of the state while it lasts, and moves with it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from hpcphys.compiler.state import State
from hpcphys.decomposition.communicator import Communicator

METHODS = ("fire", "lbfgs")


class MinimisationFailed(RuntimeError):
    """The energy or a force is not finite, or no step lowers the energy; ends the job with exit code 1."""

    exit_code = 1


@dataclass(frozen=True)
class StopWhen:
    """Any one of them ends a minimisation; None never does.

    force: no atom has a larger force [energy/length]
    energy: the energy is not above it: 0 for a repulsion that ends at a distance is "no two atoms are closer"
    change: |ΔE| of a step that went downhill is below change·|E| (L-BFGS)
    steps: so many steps were made, without convergence
    """

    force: float | None = 1e-6
    energy: float | None = None
    change: float | None = None
    steps: int = 10_000


@dataclass(frozen=True)
class Fire:
    """Parameters of FIRE 2.0; step: first time step [time], the largest is `longest` times it.

    Source: Guénolé, Nöhring, Vaid, Houllé, Xie, Prakash & Bitzek (2020), Comput. Mater. Sci. 175, 109584,
    algorithm 2 and table 1.
    """

    step: float = 0.01
    longest: float = 10.0
    shortest: float = 0.02
    grow: float = 1.1
    shrink: float = 0.5
    mixing: float = 0.25
    mixing_decay: float = 0.99
    delay: int = 20
    uphill: int = 2000


@dataclass(frozen=True)
class Minimum:
    """How a minimisation ended.  reason: which rule, in words;  force: largest |F| of an atom;
    evaluations: of the field
    """

    converged: bool
    reason: str
    energy: float
    force: float
    steps: int
    evaluations: int


def minimise(
    state: State, field: Any, backend: Any, communicator: Communicator, *, method: str = "fire",
    stop: StopWhen | None = None, largest_move: float = 0.1, fire: Fire | None = None, history: int = 8,
    energy: Callable[[State], float] | None = None, reproducible: bool = False,
) -> Minimum:  # fmt: skip
    """Move positions downhill until a rule of `stop` holds.  Collective; the same answer on all ranks.

    state: position (n, 3); with "fire" masses count as 1;  field: `evaluate(state, outputs)` writes "force"
    energy: of all ranks after an evaluation; by default field.totals()["energy"], which is asked for by
        field.request_totals = True where the field has that attribute (it gets its old value back)
    largest_move: no coordinate changes by more in one step [length]
    history: pairs of steps and changes of force that L-BFGS remembers
    reproducible: sums that are the same bits on any number of ranks
    Positions are left outside the box where they have left it; the field wraps them when it exchanges rows.
    Raises ValueError for an unknown method or numbers that cannot be, MinimisationFailed for overlapping
    atoms (with their ids) and where L-BFGS finds no step downhill.
    """
    if method not in METHODS:
        raise ValueError(f"method '{method}' is unknown; choose {' or '.join(METHODS)}")
    if not largest_move > 0.0 or history < 1:
        raise ValueError(f"largest_move {largest_move}, history {history}: both must be positive")
    surface = _Surface(state, field, backend, communicator, energy, reproducible)
    rules = stop or StopWhen()
    asked = getattr(field, "request_totals", None)
    if asked is not None:
        field.request_totals = True
    try:
        if method == "fire":
            return _fire(surface, rules, largest_move, fire or Fire())
        return _lbfgs(surface, rules, largest_move, history)
    finally:
        if asked is not None:
            field.request_totals = asked
        for name in [name for name in state.names() if name.startswith(OWN)]:
            del state[name]


OWN = "minimise."


class _Surface:
    """E(x) and its sums over all ranks."""

    def __init__(self, state, field, backend, communicator, energy, reproducible):
        self.state, self.field, self.xp = state, field, backend.xp
        self.backend, self.communicator, self.reproducible = backend, communicator, reproducible
        self._energy = energy or (lambda state: field.totals()["energy"])
        self.evaluations = 0

    def evaluate(self) -> float:
        """Forces at the present positions; returns E.  Raises MinimisationFailed if one is not finite."""
        self.state.invalidate()
        self.evaluations += 1
        try:
            self.field.evaluate(self.state, frozenset())
        except FloatingPointError as problem:  # the field itself has found what is wrong, on all ranks
            raise MinimisationFailed(
                f"evaluation {self.evaluations} of field '{self.field.name}': {problem}"
            ) from problem
        self.state.mark_valid(self.field.writes)
        value = float(self._energy(self.state))
        finite = math.isfinite(value) and bool(self.xp.isfinite(self.state["force"]).all())
        if self.communicator.agree(not finite):
            raise MinimisationFailed(self._overlap(value))
        return value

    def dot(self, *pairs: tuple[str, str]) -> list[float]:
        """Σ a·b over all atoms for pairs of names of arrays, in one reduction."""
        rows = [(self.state[a].astype(np.float64) * self.state[b]).sum(axis=1) for a, b in pairs]
        if self.reproducible:
            table = np.stack([self.backend.host(row) for row in rows], axis=1)
            return self.communicator.sum_reproducible(table).tolist()
        local = np.array([float(row.sum()) for row in rows])
        return self.communicator.allreduce(local).tolist()

    def largest(self, name: str) -> float:
        """The largest |row| of an array."""
        rows = self.state[name].astype(np.float64)
        square = float((rows * rows).sum(axis=1).max()) if len(rows) else 0.0
        return math.sqrt(self.communicator.allreduce(square, "max"))

    def largest_coordinate(self, name: str) -> float:
        """The largest |coordinate| of an array."""
        rows = self.state[name]
        return self.communicator.allreduce(float(abs(rows).max()) if len(rows) else 0.0, "max")

    def move(self, name: str, factor: float) -> None:
        """x ← x + factor·array."""
        self.state["position"] = self.state["position"] + factor * self.state[name]

    def stopped(
        self, rules: StopWhen, energy: float, step: int, change: float | None = None
    ) -> tuple[str, bool]:
        """The rule that holds, in words, and whether that is convergence; ("", False) where none does."""
        if rules.force is not None and self.largest("force") <= rules.force:
            return f"no force is larger than {rules.force:g}", True
        if rules.energy is not None and energy <= rules.energy:
            return f"the energy is not above {rules.energy:g}", True
        if rules.change is not None and change is not None and 0.0 <= change <= rules.change * abs(energy):
            return f"the energy changed by less than {rules.change:g} of itself", True
        return (f"{step} steps were made" if step >= rules.steps else ""), False

    def minimum(self, ended: tuple[str, bool], energy: float, step: int) -> Minimum:
        reason, converged = ended
        return Minimum(converged, reason, energy, self.largest("force"), step, self.evaluations)

    def _overlap(self, energy: float) -> str:
        size = abs(self.backend.host(self.state["force"])).max(axis=1, initial=0.0)
        bad = np.flatnonzero(~np.isfinite(size))[:4]
        names = self.backend.host(self.state["id"])[bad] if "id" in self.state else bad
        found = [int(n) for part in self.communicator.allgather(names.tolist()) for n in part]
        who = f"atoms with ids {', '.join(map(str, found[:8]))} overlap" if found else "atoms overlap"
        return (
            f"evaluation {self.evaluations} of field '{self.field.name}': energy {energy}, {who}; begin with "
            "a soft repulsion (hpcphys.initial.liquids.random_packing) or farther apart"
        )


def _fire(surface: _Surface, rules: StopWhen, largest_move: float, p: Fire) -> Minimum:
    """v ← v + dt F, v ← (1-α)v + α|v|F/|F|, x ← x + dt v while F·v > 0; else half a step back."""
    state, xp = surface.state, surface.xp
    velocity, force = f"{OWN}velocity", "force"
    energy = surface.evaluate()
    state[velocity] = xp.zeros(state["position"].shape)
    dt, alpha, downhill, uphill, step = p.step, p.mixing, 0, 0, 0
    while not (ended := surface.stopped(rules, energy, step))[0]:
        (power,) = surface.dot((force, velocity))
        if power > 0.0:
            downhill, uphill = downhill + 1, 0
            if downhill > p.delay:
                dt, alpha = min(dt * p.grow, p.longest * p.step), alpha * p.mixing_decay
        else:
            downhill, uphill = 0, uphill + 1
            if uphill > p.uphill:
                ended = (f"forces pointed uphill {uphill} steps in a row", False)
                break
            if step >= p.delay and dt * p.shrink >= p.shortest * p.step:
                dt = dt * p.shrink
            alpha = p.mixing
            if step:
                surface.move(velocity, -0.5 * dt)
            state[velocity] = xp.zeros(state["position"].shape)
        state[velocity] = state[velocity] + dt * state[force]
        speed, pull = surface.dot((velocity, velocity), (force, force))
        if pull > 0.0:
            state[velocity] = (1.0 - alpha) * state[velocity] + (alpha * math.sqrt(speed / pull)) * state[
                force
            ]
        fastest = surface.largest_coordinate(velocity) * dt
        if fastest > largest_move:
            state[velocity] = state[velocity] * (largest_move / fastest)
        surface.move(velocity, dt)
        energy = surface.evaluate()
        step += 1
    return surface.minimum(ended, energy, step)


def _lbfgs(surface: _Surface, rules: StopWhen, largest_move: float, history: int) -> Minimum:
    """x ← x + λ H F, H from the last steps s and changes of gradient y (two loops), λ halved until E falls.

    Source: Nocedal (1980), Math. Comput. 35, 773; Nocedal & Wright (2006), Numerical Optimization, alg. 7.4,
    7.5; sufficient decrease: their eq. 3.4.
    """
    state = surface.state
    pairs: list[int] = []  # numbers of the remembered pairs, oldest first
    rho: dict[int, float] = {}
    energy, step = surface.evaluate(), 0
    change: float | None = None
    while not (ended := surface.stopped(rules, energy, step, change))[0]:
        _direction(surface, pairs, rho)
        (slope,) = surface.dot((f"{OWN}d", "force"))
        if not slope > 0.0:
            pairs.clear()
            _direction(surface, pairs, rho)
            (slope,) = surface.dot((f"{OWN}d", "force"))
        state[f"{OWN}old"] = state["force"].astype(np.float64)
        first = min(1.0, largest_move / surface.largest_coordinate(f"{OWN}d"))
        before, energy, moved = energy, *_downhill(surface, energy, slope, first)
        if not moved:
            energy, change = surface.evaluate(), None
            if pairs:  # the history may mislead: once more, straight down
                pairs.clear()
                continue
            raise MinimisationFailed(
                f"step {step}: no move along the force lowers the energy {energy:.12g} (largest force "
                f"{surface.largest('force'):.3g}); the field's energy and force may not belong together, or "
                "its precision is reached: ask for a larger force"
            )
        change, number = before - energy, step % history
        s, y = f"{OWN}s{number}", f"{OWN}y{number}"
        state[s] = moved * state[f"{OWN}d"]
        state[y] = state[f"{OWN}old"] - state["force"]
        bend, length = surface.dot((s, y), (y, y))
        pairs = [k for k in pairs if k != number]
        if bend > 1e-12 * length:
            pairs.append(number)
            rho[number] = bend / length
        step += 1
    return surface.minimum(ended, energy, step)


def _direction(surface: _Surface, pairs: list[int], rho: dict[int, float]) -> None:
    """d = H F by the two-loop recursion; H = (s·y/y·y) 1 of the newest pair at its heart, or 1."""
    state, d = surface.state, f"{OWN}d"
    state[d] = state["force"].astype(np.float64)
    weights: dict[int, tuple[float, float]] = {}
    for k in reversed(pairs):
        bend, along = surface.dot((f"{OWN}s{k}", f"{OWN}y{k}"), (f"{OWN}s{k}", d))
        weights[k] = (along / bend, bend)
        state[d] = state[d] - (along / bend) * state[f"{OWN}y{k}"]
    if pairs:
        state[d] = rho[pairs[-1]] * state[d]
    for k in pairs:
        alpha, bend = weights[k]
        (along,) = surface.dot((f"{OWN}y{k}", d))
        state[d] = state[d] + (alpha - along / bend) * state[f"{OWN}s{k}"]


def _downhill(surface: _Surface, energy: float, slope: float, first: float) -> tuple[float, float]:
    """Energy and λ after the first λ = first·2^-k with E ≤ E₀ - 1e-4 λ slope; (E₀, 0) and x back if none."""
    factor, at = first, 0.0
    noise = 1e-14 * abs(energy)
    for _ in range(30):
        surface.move(f"{OWN}d", factor - at)
        at = factor
        try:
            found = surface.evaluate()
        except MinimisationFailed:
            found = math.inf  # too far: atoms on top of each other
        if found <= energy - 1e-4 * factor * slope + noise:
            return found, factor
        factor *= 0.5
    surface.move(f"{OWN}d", -at)
    return energy, 0.0
