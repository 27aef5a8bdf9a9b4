"""How far the phases of one step turn: a step that is too long aliases them."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi
from typing import Any

import numpy as np

from hpcphys.decomposition.pencils.sizes import slow_size
from hpcphys.physics.schrodinger.grid import AXES, WaveGrid
from hpcphys.run.wavefunctions.declaration import Declaration
from hpcphys.run.wavefunctions.rules import stages_of


@dataclass(frozen=True)
class Phases:
    """Largest phases of one flow of a step [radian]: of the kinetic energy at the grid's largest momenta, and
    of the potential between its highest and lowest point."""

    kinetic: float
    potential: float


def phases(job: Any, declaration: Declaration, lowest: float, highest: float) -> Phases:
    """Largest |a_i| dt sum_j k_j²/2m_j with k_j = π/spacing, and largest |b_i| dt (V_max - V_min).

    lowest, highest: of the potential on the grid [energy]
    """
    grid, step = declaration.grid, job.time.step
    stages = stages_of(job.time.integrator, declaration)
    last = max(stage.piece for stage in stages)
    sizes: dict[bool, float] = {True: 0.0, False: 0.0}
    for stage in stages:
        kind = stage.piece == last
        sizes[kind] = max(sizes[kind], abs(stage.coefficient))
    kinetic = sum((pi / d) ** 2 / (2.0 * m) for d, m in zip(grid.spacing, grid.mass, strict=True))
    return Phases(sizes[False] * step * kinetic, sizes[True] * step * (highest - lowest))


def warnings(job: Any, found: Phases, grid: WaveGrid) -> list[str]:
    """Lines about a step that is too long and about slow grids; empty where all is well.

    Two waves whose phases differ by 2π after a flow are coupled as if they had the same energy; with a
    nonlinearity pairs k, -k are at a phase of π each, and grow (Weideman & Herbst 1986, SIAM J. Numer. Anal.
    23, 485).
    """
    lines = []
    limit = pi if job.wave.nonlinearity else 2.0 * pi
    if job.time.mode == "real" and (found.potential > 0.0 or job.wave.nonlinearity):
        for name, phase, where in (
            ("kinetic", found.kinetic, "at the largest momentum of the grid"),
            ("potential", found.potential, "between its highest and lowest point"),
        ):
            if phase > limit:
                lines.append(
                    f"the {name} phase of one flow reaches {phase:.3g} ({where}), more than {limit:.3g}: the "
                    "step couples waves there that have nothing to do with each other; time.step = "
                    f"{job.time.step * limit / phase:.2g} would hold it below"
                )
    for axis, count in zip(AXES, grid.points, strict=False):
        if slow := slow_size(count):
            lines.append(f"along {axis} {slow}")
    return lines


def extremes(values: np.ndarray) -> tuple[float, float]:
    """(lowest, highest) of the values of this rank; (inf, -inf) of none."""
    if not values.size:
        return float("inf"), float("-inf")
    return float(values.min()), float(values.max())
