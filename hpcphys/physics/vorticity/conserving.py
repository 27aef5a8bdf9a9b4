"""Ideal flow that keeps energy and enstrophy to round-off: the implicit midpoint of the truncated equation.

    w_{n+1} = w_n + dt N(m),   m = w_n + (dt/2) N(m),   N(w) = -(u . grad omega) truncated.

The truncated product has <psi, N> = <omega, N> = 0 exactly (two-thirds rule), and E = <psi, omega>/2 and
Z = <omega, omega>/2 are quadratic: their changes over a step are dt <psi(m), N(m)> = 0 and dt <m, N(m)> = 0.
Symmetric, of order 2: every composition of symmetric steps raises the order and keeps E and Z.  Friction is
a piece of its own with its exact flow, so that "leapfrog" makes Strang's splitting of the two.
Source: Hairer, Lubich & Wanner (2006), theorem IV.2.1 (quadratic invariants) and section VIII.6 (iteration to
round-off).
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from hpcphys.compiler.failures import ConvergenceError
from hpcphys.compiler.flows.fixed_points import FixedPoint, Midpoints
from hpcphys.compiler.pieces import Piece
from hpcphys.compiler.state import State
from hpcphys.compiler.structures.vorticity import VorticityStructure
from hpcphys.compiler.system import PhysicalSystem

EQUATION = "H = 1/2 integral psi omega,  -laplacian psi = omega"


class Advection(Protocol):
    """What computes N(w): amplitudes (columns, 2K + 1) of this rank to the same shape.  Collective."""

    def tendency(self, vorticity: Any) -> Any: ...


def conserving(
    state: State,
    engine: Advection,
    grid: Any,
    backend: Any,
    communicator: Any,
    damping: Any = None,
    *,
    tolerance: float | None = None,
    remembered: int = 3,
    window: int = 4,
) -> PhysicalSystem:
    """The system of the module's equations: piece "advect" of order 2 and, with damping, "damp" (exact).

    state: {"vorticity": (columns, 2K + 1) complex}; the flow adds midpoint_1, … of the same shape
    grid: .cutoff, .length, .kx, .k2, .weight of this rank's modes (VorticityGrid); two-thirds rule
    damping: (columns, 2K + 1) rates [1/time] of exp(-rate dt) for each mode, or None
    tolerance: of the iteration, relative to |w|; by default 4 eps of the precision, 9e-16 in double
    remembered: midpoints from which the next start is extrapolated;  window: of Anderson's iteration
    Energy and enstrophy are kept to 1e-12 over thousands of steps in double precision, where nothing damps.
    Raises ValueError for a filter that breaks the conservation, and for damping rates of another shape or
    not finite; ConvergenceError, when it runs, that names step, dt and CFL number.
    """
    if getattr(grid, "dealias", "two_thirds") != "two_thirds":
        raise ValueError(
            f'dealias = "{grid.dealias}" truncates by a filter, which keeps neither energy nor enstrophy; '
            'the conserving midpoint needs dealias = "two_thirds"'
        )
    solver = FixedPoint(tolerance, window, total=_summed(communicator))
    midpoint = ConservingMidpoint(engine, grid, Midpoints("vorticity", remembered), solver)
    pieces = [midpoint.piece()]
    if damping is not None:
        pieces.append(damp(state, damping, backend))
    structure = VorticityStructure(grid, communicator)
    return PhysicalSystem(state, tuple(pieces), structure, equation=EQUATION)


def damp(state: State, rates: Any, backend: Any) -> Piece:
    """w_k <- exp(-rate_k dt) w_k: the exact flow of friction of every order.

    rates: (columns, 2K + 1) [1/time].  Raises ValueError if they do not fit the state or are not finite.
    """
    values = backend.host(rates)
    if values.shape != state["vorticity"].shape or not np.isfinite(values).all():
        raise ValueError(
            f"damping rates of shape {values.shape} (finite: {bool(np.isfinite(values).all())}); a finite "
            f"rate for each of the modes {tuple(state['vorticity'].shape)} is needed"
        )
    kept = backend.array(values)

    def flow(state: State, dt: float) -> None:
        vorticity = state["vorticity"]
        vorticity *= backend.xp.exp(-dt * kept).astype(vorticity.real.dtype)

    names = frozenset({"vorticity"})
    return Piece("damp", "dw_k/dt = -rate_k w_k", names, names, flow)


class ConservingMidpoint:
    """The midpoint rule of the module's equations, solved by Anderson's iteration to round-off.

    engine: N;  grid: the modes;  midpoints: what is remembered;  solver: tolerance, window and ranks
    iterations: evaluations of N so far
    """

    def __init__(self, engine: Advection, grid: Any, midpoints: Midpoints, solver: FixedPoint):
        self.engine, self.grid, self.midpoints, self.solver = engine, grid, midpoints, solver
        self.iterations = 0

    def flow(self, state: State, dt: float) -> None:
        """w <- w_{n+1} in place.  Collective.  Raises ConvergenceError."""
        vorticity = state[self.midpoints.name]
        rate: Any = None

        def image(midpoint: Any, spare: Any) -> Any:
            nonlocal rate
            rate = self.engine.tendency(midpoint)
            return vorticity + 0.5 * dt * rate

        self.midpoints.prepare(state)
        start = self.midpoints.start(state, dt)
        try:
            midpoint = self.solver.solve(image, start, vorticity)
        except ConvergenceError as problem:
            raise ConvergenceError(
                f"conserving midpoint, step {state.step + 1}, dt = {dt:g}, CFL number "
                f"{self.cfl(vorticity, dt):.2g} (rms speed): {problem}; take a smaller step"
            ) from problem
        self.iterations += self.solver.images
        vorticity += dt * rate
        self.midpoints.remember(state, midpoint, dt)

    def cfl(self, vorticity: Any, dt: float) -> float:
        """(2 pi K/L) u_rms |dt|.  Collective."""
        host = vorticity.get() if hasattr(vorticity, "get") else vorticity
        squares = np.where(self.grid.k2 > 0, self.grid.k2, np.inf)
        weight = np.reshape(self.grid.weight, (-1, 1))
        speed_squared = np.array([np.sum(weight * np.abs(host) ** 2 / squares)])
        speed = float(np.sqrt(self.solver.total(speed_squared)[0]))
        return 2.0 * np.pi * self.grid.cutoff / self.grid.length * speed * abs(dt)

    def piece(self) -> Piece:
        """The flow as a piece of order 2 for symmetric compositions."""
        names = frozenset({self.midpoints.name})
        return Piece("advect", "d omega/dt = -u . grad omega", names, names, self.flow, order=2)


def _summed(communicator: Any) -> Any:
    """Sums of small arrays over the ranks."""
    return communicator.allreduce if communicator.size > 1 else (lambda values: values)
