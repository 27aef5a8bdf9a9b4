"""Absorbing layers at the outer faces: convolutional perfectly matched layers, backed by conductors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .geometry import AXES, FieldGeometry

POWER = 3
STRENGTH = 0.8
"""σ_max/ε0 = STRENGTH (POWER + 1) c/dx, near the optimum of Taflove & Hagness (2005), §7.6."""
STRETCH = 1.0
SHIFT = 0.05
"""κ_max, and α_max/ε0 in units of c/dx: the shift lets evanescent and slow fields decay too."""


class AbsorbingLayers:
    """The memories ψ of all absorbing layers of this rank's block.

    In a layer d/da becomes (1/κ) d/da + ψ with ψ ← b ψ + c d/da, b = exp(-(σ/κ + α) dt),
    c = σ (b - 1)/(κ (σ + κ α)); σ ~ depth³, α falls from its largest value at the layer's beginning to 0.
    layers: cells of each absorbing layer, the outermost ones of the grid

    Source: Roden & Gedney (2000), Microw. Opt. Technol. Lett. 27, 334, eqs. 8-10.
    Raises ValueError where layers do not fit into the grid.
    """

    def __init__(
        self,
        geometry: FieldGeometry,
        boundaries: Sequence[tuple[str, str]],
        layers: int,
        light_speed: float,
    ):
        self._geometry, self._light_speed = geometry, light_speed
        self._parts: list[_Layer] = []
        for axis, pair in enumerate(boundaries):
            total = sum(kind == "absorbing" for kind in pair) * layers
            if total and (layers < 2 or total >= geometry.blocks.shape[axis]):
                raise ValueError(
                    f"absorbing layers of {layers} cells along {AXES[axis]}: at least 2 are needed, and "
                    f"fewer than the {geometry.blocks.shape[axis]} cells of the grid for both sides together"
                )
            for side in range(2):
                if pair[side] == "absorbing":
                    part = _Layer(geometry, axis, side, layers)
                    if part.cells:
                        self._parts.append(part)

    def absorb_magnetic(self, E: Any, B: Any, dt: float) -> None:
        """What layers add to Faraday's law: B_p += dt D_a E_q, B_q -= dt D_a E_p, D_a the layer's part."""
        for part in self._parts:
            self._absorb(part, 0, E, B, dt, dt)

    def absorb_electric(self, B: Any, E: Any, dt: float) -> None:
        """What layers add to Ampère's law: E_p -= c² dt D_a B_q, E_q += c² dt D_a B_p."""
        for part in self._parts:
            self._absorb(part, 1, B, E, -(self._light_speed**2) * dt, dt)

    def _absorb(self, part: _Layer, behind: int, f: Any, u: Any, factor: float, dt: float) -> None:
        a = part.axis
        p, q = (a + 1) % 3, (a + 2) % 3
        geometry = self._geometry
        profile = part.profile(behind, dt, self._light_speed)
        geometry.module.launch(
            "absorb", part.cells, part.box, part.loop_axis, geometry.strides[a], behind, profile,
            f[q], u[p], factor, f[p], u[q], -factor, part.memories[behind],
        )  # fmt: skip

    @property
    def bytes(self) -> int:
        """Memory of all ψ."""
        return sum(memory.nbytes for part in self._parts for memory in part.memories)

    def saved(self) -> dict[str, Any]:
        """All ψ by name."""
        return {
            f"layer_{AXES[part.axis]}{part.side}_{'BE'[k]}": memory
            for part in self._parts
            for k, memory in enumerate(part.memories)
        }

    def restore(self, arrays: Mapping[str, Any]) -> None:
        """Put back what `saved` gave."""
        for name, memory in self.saved().items():
            if name not in arrays or arrays[name].shape != memory.shape:
                raise ValueError(f"the memories of absorbing layers lack {name} of {memory.shape}")
            memory[...] = self._geometry.backend.array(arrays[name], memory.dtype)


class _Layer:
    """The cells of this block in one layer, and their memories: of B's derivatives' partner E, and of B."""

    def __init__(self, geometry: FieldGeometry, axis: int, side: int, layers: int):
        blocks = geometry.blocks
        self.axis, self.side, self._layers, self._backend = axis, side, layers, geometry.backend
        self.loop_axis = axis + 3 - geometry.axes
        n, start, count = blocks.shape[axis], blocks.start[axis], blocks.count[axis]
        first, end = (0, layers) if side == 0 else (n - layers, n)
        first, end = max(first, start), min(end, start + count)
        self._places = np.arange(first, max(first, end))
        self._whole, self._spacing = n, geometry.spacing[axis]
        begin, lengths = [blocks.guards] * geometry.axes, list(blocks.count)
        begin[axis], lengths[axis] = blocks.guards + first - start, max(0, end - first)
        self.cells, self.box = geometry.box(begin, lengths)
        self.memories = [geometry.backend.zeros((2, self.cells), geometry.dtype) for _ in range(2)]
        self._profiles: dict[tuple[int, float], Any] = {}

    def profile(self, behind: int, dt: float, light_speed: float) -> Any:
        """(cells along the axis, 3): b, c/da, (1/κ - 1)/da where the derivative lies (behind: on nodes)."""
        key = (behind, dt)
        if key not in self._profiles:
            at = self._places + (0.0 if behind else 0.5)
            depth = (
                self._layers - at if self.side == 0 else at - (self._whole - self._layers)
            ) / self._layers
            depth = np.clip(depth, 0.0, 1.0)
            rate = light_speed / self._spacing
            sigma = STRENGTH * (POWER + 1) * rate * depth**POWER
            kappa = 1 + (STRETCH - 1) * depth**POWER
            alpha = SHIFT * rate * (1 - depth)
            decay = np.exp(-(sigma / kappa + alpha) * dt)
            grow = sigma * (decay - 1) / (kappa * (sigma + kappa * alpha))
            table = np.stack([decay, grow / self._spacing, (1 / kappa - 1) / self._spacing], axis=1)
            self._profiles[key] = self._backend.array(table)
        return self._profiles[key]
