"""Figures of a liquid: each a function of the arrays that its observables give; and those of a whole run."""

from __future__ import annotations

from hpcphys.report.liquids.ramp import ramp_figure
from hpcphys.report.liquids.run import plot_liquid
from hpcphys.report.liquids.structure import radial_figure, structure_figure
from hpcphys.report.liquids.thermo import block_figure, thermo_figure
from hpcphys.report.liquids.transport import displacement_figure, velocity_figure, viscosity_figure

__all__ = [
    "block_figure",
    "displacement_figure",
    "plot_liquid",
    "radial_figure",
    "ramp_figure",
    "structure_figure",
    "thermo_figure",
    "velocity_figure",
    "viscosity_figure",
]
