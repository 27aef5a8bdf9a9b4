"""Stand-in for the system."""

from __future__ import annotations

from hpcphys.compiler import CanonicalStructure, PhysicalSystem, Piece


def fluid(state, engine, forcing=None):
    names = frozenset({"vorticity"})
    pieces = [Piece("advect", "dω/dt = -u·∇ω - Dω", names, names, lambda s, dt: engine.advance(s, dt), order=4)]
    if forcing is not None:
        pieces.append(Piece("force", "dω = f dW", names, names, lambda s, dt: forcing.apply(s, dt, engine.backend, engine.communicator)))
    return PhysicalSystem(state, tuple(pieces), CanonicalStructure())
