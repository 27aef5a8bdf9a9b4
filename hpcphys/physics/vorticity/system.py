"""Two-dimensional incompressible flow as a system for the compiler.

    H = 1/2 ∫ |u|² = 1/2 ∫ ψ' ω,  ψ' = (-Δ)^-1 ω = δH/δω,     ∂ω/∂t = {H, ω} - L ω + f
    {H, ω} = ∂_y ω ∂_x(δH/δω) - ∂_x ω ∂_y(δH/δω) = -u·∇ω,   u = (∂_y ψ', -∂_x ψ')

Two pieces: "advect" moves by the Euler equations and the damping together, one step of the integrating-factor
Runge-Kutta method of order 4; "force" is the exact kick by white noise.
"""

from __future__ import annotations

from typing import Any

from hpcphys.compiler.pieces import Piece
from hpcphys.compiler.state import State
from hpcphys.compiler.structures import Structure
from hpcphys.compiler.structures.base import Arrays
from hpcphys.compiler.system import PhysicalSystem

NAMES = frozenset({"vorticity"})


class FlowStructure(Structure):
    """The Lie-Poisson bracket of vorticity on the plane, on the modes of an engine's grid.

    dω/dt = -∂_x ω ∂_y g + ∂_y ω ∂_x g with g = δH/δω. Of the infinitely many Casimirs ∫ f(ω) the modes keep
    energy's companion alone, the enstrophy ∫ ω²/2 (Kraichnan 1967).
    Source: Morrison (1998) Rev. Mod. Phys. 70, 467, section IV.
    """

    name = "vorticity"
    equation = "dω/dt = ∂_y ω ∂_x(δH/δω) - ∂_x ω ∂_y(δH/δω)"

    def __init__(self, engine: Any):
        self.engine = engine

    def bracket(self, z: Arrays, gradient: Arrays) -> dict[str, Any]:
        """-u·∇ω for the flow u = (∂_y g, -∂_x g) of any functional, products on the points; collective."""
        engine, xp = self.engine, self.engine.backend.xp
        grid = engine.grid
        along_x = xp.asarray(1j * grid.unit * grid.kx[:, None]).astype(grid.complex_type)
        along_y = xp.asarray(1j * grid.unit * grid.ky[None, :]).astype(grid.complex_type)
        omega, g = z["vorticity"], gradient["vorticity"]
        rise = engine.physical(along_y * omega) * engine.physical(along_x * g)
        fall = engine.physical(along_x * omega) * engine.physical(along_y * g)
        return {"vorticity": engine.spectral(rise - fall)}

    def reverse(self, state: State) -> None:
        """ω <- -ω: the flow runs back along its path (where nothing is damped or forced)."""
        state["vorticity"] *= -1.0


def fluid(state: State, engine: Any, forcing: Any = None) -> PhysicalSystem:
    """The system of the module's equations; compile it with "lie_trotter".

    state: "vorticity", complex (columns, 2K+1) amplitudes of this rank (see VorticityGrid)
    engine: VorticityEngine;  forcing: BandForcing, or None
    With "lie_trotter" a step is advect, then force: order 4 without forcing; with it the error of the
    splitting is of order dt in the mean, of the size of ε dt. Raises ValueError for a state that does not
    fit the engine's grid, or that is not Hermitian at k_x = 0.
    """
    if "vorticity" not in state:
        raise ValueError(f"a flow needs the array vorticity; the state holds {', '.join(state.names())}")
    check_vorticity(state["vorticity"], engine.grid, engine.backend)

    def advect(state: State, dt: float) -> None:
        engine.advance(state, dt)

    damping = engine.damping.describe()
    equation = "∂ω/∂t = -u·∇ω" + ("" if engine.damping.absent else f" {damping}, damping exact")
    pieces: tuple[Piece, ...] = (Piece("advect", equation, NAMES, NAMES, advect, order=4),)
    if forcing is not None:

        def force(state: State, dt: float) -> None:
            forcing.apply(state, dt, engine.backend, engine.communicator)
            engine.forget()

        # A composition applies the last piece first: the step that is chosen serves the transforms of advect.
        pieces = (Piece("force", f"dω = f dt: {forcing.describe()}", NAMES, NAMES, force), *pieces)
    return PhysicalSystem(
        state, pieces, FlowStructure(engine), equation=f"H = 1/2 ∫ |u|², {engine.describe()}"
    )


def check_vorticity(vorticity: Any, grid: Any, backend: Any) -> None:
    """Raise ValueError unless the array fits the grid, has no mean, and is Hermitian at k_x = 0."""
    if tuple(vorticity.shape) != grid.shape or vorticity.dtype != grid.complex_type:
        raise ValueError(
            f"vorticity of shape {tuple(vorticity.shape)} and type {vorticity.dtype}; this rank's is "
            f"{grid.shape}, {grid.complex_type}"
        )
    if grid.columns[0] > 0 or not len(vorticity):
        return
    column = backend.host(vorticity[0])
    # written so that NaN is left to the step that finds it
    if abs(column[0]) > 0 or (abs(column[1:] - column[:0:-1].conj()) > 0).any():
        raise ValueError(
            "vorticity is not that of a real field without mean: ω̂(0, -k_y) = ω̂(0, k_y)* and ω̂(0, 0) = 0 are "
            "needed; `hermitian(vorticity, grid)` makes it so"
        )
