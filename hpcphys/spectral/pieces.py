"""Pieces and fields for the compiler that live in Fourier space: their flows are exact products."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hpcphys.compiler.pieces import Piece
from hpcphys.compiler.state import State

from .grid import SpectralGrid
from .operators import diffusion_factor, inverse_laplacian, translation_factor

FACTORS_KEPT = 8  # a composition has a handful of substeps; each needs its own factor


def diffusion(
    grid: SpectralGrid, target: str, coefficient: float, power: float = 1, name: str = "diffuse"
) -> Piece:
    """The piece  dû/dt = -ν |k|^{2p} û  with its exact flow, for the array `target` of the state.

    coefficient, power: as in diffusion_factor.  Not reversible for ν != 0: a negative step amplifies.
    """
    equation = f"d{target}/dt = -{coefficient:g} (-Δ)^{power:g} {target}"
    return _factor_piece(name, equation, target, lambda dt: diffusion_factor(grid, coefficient, dt, power))


def translation(grid: SpectralGrid, target: str, velocity: Sequence[float], name: str = "translate") -> Piece:
    """The piece  dû/dt = -i k·c û  with its exact flow: the field moves with the velocity c, unchanged.

    Raises ValueError unless there is one velocity for each axis.
    """
    if len(velocity) != len(grid.length):
        raise ValueError(
            f"velocity {list(velocity)}: one number for each of {len(grid.length)} axes is needed"
        )
    equation = f"d{target}/dt = -({', '.join(f'{c:g}' for c in velocity)})·∇ {target}"
    return _factor_piece(name, equation, target, lambda dt: translation_factor(grid, velocity, dt))


class InverseLaplacian:
    """A field for the compiler: ψ̂ = -ω̂/|k|², so that Δψ = ω; the mean of ψ is 0.

    source, target: names of the state's arrays ω̂ and ψ̂, both of shape (spectral.subshape)
    """

    optional: frozenset[str] = frozenset()
    layout = None

    def __init__(self, grid: SpectralGrid, source: str, target: str):
        self.name = f"inverse Laplacian of {source}"
        self.grid, self.source, self.target = grid, source, target
        self.reads, self.writes = frozenset({source}), frozenset({target})

    def evaluate(self, state: State, outputs: frozenset[str] = frozenset()) -> None:
        """Compute ψ̂ from ω̂; no rank needs another for it."""
        state[self.target] = inverse_laplacian(self.grid, state[self.source])

    def describe(self) -> str:
        """One line for `explain`."""
        return f"{self.target} from Δ {self.target} = {self.source}, mean 0"


def _factor_piece(name: str, equation: str, target: str, factor: Callable[[float], Any]) -> Piece:
    """A piece whose flow over dt is the product with factor(dt)."""
    kept: dict[float, Any] = {}

    def flow(state: State, dt: float) -> None:
        if dt not in kept:
            while len(kept) >= FACTORS_KEPT:
                del kept[next(iter(kept))]
            kept[dt] = factor(dt)
        state[target] *= kept[dt]

    return Piece(name, equation, frozenset({target}), frozenset({target}), flow)
