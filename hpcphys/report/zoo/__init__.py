"""The figure that each system of the zoo is drawn for: figure(series, system, last states) -> Figure or
None."""

from __future__ import annotations

from hpcphys.report.zoo.chance import double_well_figure, nose_hoover_figure
from hpcphys.report.zoo.lattices import chain_figure, fput_figure, spin_figure, toda_figure
from hpcphys.report.zoo.orbits import (
    henon_heiles_figure,
    kepler_figure,
    pendulum_figure,
    three_bodies_figure,
    vortices_figure,
)
from hpcphys.report.zoo.oscillators import cycle_figure, oscillator_figure, qubit_figure
from hpcphys.report.zoo.tops import rigid_body_figure, satellite_figure, top_figure

FIGURES = {
    "contact_oscillator": oscillator_figure,
    "damped_oscillator": oscillator_figure,
    "double_pendulum": pendulum_figure,
    "double_well": double_well_figure,
    "driven_oscillator": oscillator_figure,
    "fput": fput_figure,
    "harmonic_chain": chain_figure,
    "heavy_top": top_figure,
    "henon_heiles": henon_heiles_figure,
    "kepler": kepler_figure,
    "lotka_volterra": cycle_figure,
    "nose_hoover_oscillator": nose_hoover_figure,
    "point_vortices": vortices_figure,
    "qubit": qubit_figure,
    "rigid_body": rigid_body_figure,
    "satellite": satellite_figure,
    "spin_chain": spin_figure,
    "three_bodies": three_bodies_figure,
    "toda": toda_figure,
}

__all__ = ["FIGURES"]
