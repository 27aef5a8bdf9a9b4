"""What linear theory says of waves in a plasma, and how rates and frequencies are read from a run.

Frequencies are in units of the plasma frequency ω_p of all electrons, where a docstring says no other.
"""

from __future__ import annotations

from hpcphys.physics.plasma.theory.fitting import (
    Fit,
    Gyration,
    damped_oscillation,
    growth,
    gyration,
    oscillation,
)
from hpcphys.physics.plasma.theory.grids import (
    boris_phase,
    discrete_electromagnetic_frequency,
    leapfrog_frequency,
    plasma_oscillation_frequency,
)
from hpcphys.physics.plasma.theory.kinetic import (
    landau,
    landau_growth,
    plasma_dispersion,
    plasma_dispersion_derivative,
    warm_two_stream_growth,
    weibel_cut_off,
    weibel_growth,
)
from hpcphys.physics.plasma.theory.streams import (
    cold_two_stream_growth,
    cold_two_stream_maximum,
    filamentation_growth,
    filamentation_limit,
)

__all__ = [
    "Fit",
    "Gyration",
    "boris_phase",
    "cold_two_stream_growth",
    "cold_two_stream_maximum",
    "damped_oscillation",
    "discrete_electromagnetic_frequency",
    "filamentation_growth",
    "filamentation_limit",
    "growth",
    "gyration",
    "landau",
    "landau_growth",
    "leapfrog_frequency",
    "oscillation",
    "plasma_dispersion",
    "plasma_dispersion_derivative",
    "plasma_oscillation_frequency",
    "warm_two_stream_growth",
    "weibel_cut_off",
    "weibel_growth",
]
