"""Binomial filters of currents and charges."""

from __future__ import annotations

from typing import Any

from .geometry import FieldGeometry
from .walls import Walls


def binomial_filter(
    geometry: FieldGeometry, walls: Walls, field: Any, passes: int, compensated: bool = False
) -> None:
    """field ← (¼, ½, ¼) along each axis, `passes` times, then perhaps a pass that takes the loss back.

    field: J (3, *local_shape) or ρ (*local_shape), guards valid; they are not valid afterwards
    compensated: the last pass has weights (1 - w)/2, w, (1 - w)/2 with w = 1 + passes/2, so that the response
        is 1 + O((k dx)⁴)
    Symmetric with what walls do, and the same on all components: continuity and Gauss's law stay exact.
    Source: Birdsall & Langdon (1985), appendix C.
    Raises ValueError for a negative number of passes.
    """
    if passes < 0:
        raise ValueError(f"{passes} passes of a filter: none or more are needed")
    weights = [0.5] * passes + ([1 + 0.5 * passes] if compensated and passes else [])
    blocks, module = geometry.blocks, geometry.module
    components = field.shape[0] if field.ndim > geometry.axes else 1
    other = geometry.zeros(components)
    for number, w in enumerate(weights):
        if number > 0:
            blocks.fill(field, width=1)
        (walls.mirror_electric if components == 3 else walls.mirror_potential)(field)
        source, target = field, other
        for axis in range(geometry.axes):
            # One layer of guards along the axes still to come is filtered too: one exchange does for all.
            wide = [int(a > axis) for a in range(geometry.axes)]
            cells, box = geometry.box(
                [blocks.guards - w1 for w1 in wide],
                [n + 2 * w1 for n, w1 in zip(blocks.count, wide, strict=True)],
            )
            stride = geometry.strides[axis]
            module.launch("filter_pass", cells, box, source, target, w, stride, components)
            source, target = target, source
        if source is not field:
            field[...] = source.reshape(field.shape)
