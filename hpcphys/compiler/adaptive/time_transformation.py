"""Transformations of time: the pieces of a system as pieces in a new time s, in which equal steps are right.

Logarithmic Hamiltonian, for H = T(p) + V(q) with V < 0.  With B = -H at the start and U = -V, the Hamiltonian
log(T + B) - log U moves along the orbits of H, with dt = ds/U.  Both terms have exact flows:

    drift:  q' = T_p/(T + B),  t' = 1/(T + B)          kick:  p' = F/U

Symplectic.  For two bodies the leapfrog that begins with a drift (leapfrog_dkd) is exact but for the phase:
it keeps their energy and their ellipse to round-off at any eccentricity.  Source: Mikkola & Tanikawa (1999)
Mon. Not. R. Astron. Soc. 310, 745; Preto & Tremaine (1999) Astron. J. 118, 2532.

Sundman's transformation, for pieces of any system: dt = ds/R with a density R that is moved too:

    each piece:  z' = f_i(z)/R  (first: t' = 1/R)      density:  R' = d log Q/dt

Q(z) is the density wanted, R(0) = Q(z_0).  Time-reversible, of the order of the composition.  Source: Sundman
(1912) Acta Math. 36, 105; Hairer & Söderlind (2005) SIAM J. Sci. Comput. 26, 1838; with Q(q) by reflection
it is the explicit adaptive Verlet method: Holder, Leimkuhler & Reich (2001) Appl. Numer. Math. 39, 367.

The flows here take one number for the whole state.  Batches of systems, each with its own time, are made from
expressions: hpcphys.compiler.adaptive.expressions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from hpcphys.compiler.pieces import Piece
from hpcphys.compiler.state import State

TIME = "transformed.time"
BINDING = "transformed.binding"
DENSITY = "transformed.density"

Value = Callable[[State], float]


@dataclass(frozen=True)
class TransformedPieces:
    """Pieces in the new time s, and what sets the variables that they add to state.scalars.

    pieces: in the order of the splitting; their flows take ds, and program.step(ds) moves by ds
    start: start(state) sets the added variables from the present state; to be called once, before the first
        step
    The physical time is state.scalars["transformed.time"], while state.time counts s.
    """

    pieces: tuple[Piece, ...]
    start: Callable[[State], None]


def logarithmic_pieces(
    drift: Piece, kick: Piece, kinetic: Value, potential: Value, potential_reads: frozenset[str] = frozenset()
) -> TransformedPieces:
    """The drift and kick of H = T(p) + V(q) under the logarithmic Hamiltonian log(T + B) - log(-V).

    drift, kick: pieces whose flows take one dt for the whole state
    kinetic, potential: T and V of a state, numbers equal on all ranks; V must be negative
    potential_reads: derived arrays that `potential` needs at the positions of the kick
    The flows raise ValueError where T + B or -V is not positive.
    """

    def flow_drift(state: State, ds: float) -> None:
        total = kinetic(state) + state.scalars[BINDING]
        if not total > 0.0:
            raise ValueError(f"T + B = {total!r} in the logarithmic Hamiltonian; it must be positive")
        drift.flow(state, ds / total)
        state.scalars[TIME] += ds / total

    def flow_kick(state: State, ds: float) -> None:
        depth = -potential(state)
        if not depth > 0.0:
            raise ValueError(f"-V = {depth!r} in the logarithmic Hamiltonian; it must be positive")
        kick.flow(state, ds / depth)

    def start(state: State) -> None:
        state.scalars[BINDING] = -(kinetic(state) + potential(state))
        state.scalars[TIME] = state.time

    return TransformedPieces(
        (
            replace(drift, equation=f"({drift.equation})/(T + B), t' = 1/(T + B)", flow=flow_drift),
            replace(
                kick,
                equation=f"({kick.equation})/(-V)",
                reads=kick.reads | potential_reads,
                flow=flow_kick,
                gradient_flow=None,
            ),
        ),
        start,
    )


def _scaled(piece: Piece, clock: bool) -> Piece:
    """A piece moved by ds/R, which advances the physical time if it is the clock."""

    def flow(state: State, ds: float) -> None:
        length = ds / state.scalars[DENSITY]
        piece.flow(state, length)
        if clock:
            state.scalars[TIME] += length

    equation = f"({piece.equation})/R" + (", t' = 1/R" if clock else "")
    return replace(piece, equation=equation, flow=flow, gradient_flow=None)


def sundman_pieces(
    pieces: Sequence[Piece], density: Value, growth: Value, reads: frozenset[str]
) -> TransformedPieces:
    """The pieces of any system under dt = ds/R, with a last piece that moves the density R.

    density: Q(z) [1/length of ds in time], positive and even in the velocities, equal on all ranks
    growth: dQ/dt of a state along the motion, odd in the velocities
    reads: arrays that `growth` reads
    The flow of the density raises ValueError where R would not stay positive: the step is too long.
    """

    def flow_density(state: State, ds: float) -> None:
        moved = state.scalars[DENSITY] + ds * growth(state) / density(state)
        if not moved > 0.0:
            raise ValueError(f"the density of steps would become {moved!r}; choose a shorter step ds")
        state.scalars[DENSITY] = moved

    def start(state: State) -> None:
        state.scalars[DENSITY] = density(state)
        state.scalars[TIME] = state.time

    scaled = [_scaled(piece, clock=index == 0) for index, piece in enumerate(pieces)]
    moving = Piece("density", "R' = d log Q/dt", frozenset(reads), frozenset({DENSITY}), flow_density)
    return TransformedPieces((*scaled, moving), start)
