"""Units of galaxies: what one unit of a job is in kpc, 10^10 solar masses and km/s."""

from __future__ import annotations

import math
from dataclasses import dataclass

KPC_IN_CM = 3.0856775814913673e21
SOLAR_1E10_IN_G = 1.988409871e43
G_KPC_KMS = 43009.172706
"""G in kpc (km/s)² per 10^10 solar masses; from GM_sun = 1.3271244e20 m³/s² (IAU 2015 resolution B3)."""

GYR_PER_KPC_PER_KM_S = 0.97779222168
"""One kpc/(km/s) in 10^9 Julian years."""


@dataclass(frozen=True)
class GalaxyUnits:
    """What one unit of the job is, in the units of the snapshots.

    length_kpc: kpc;  mass_1e10_msun: 10^10 solar masses;  G: value of the constant of gravity in the job
    Velocity follows from G: G_job V² L⁻¹ M⁻¹ is the same number for every choice, so
    V = √(G_phys M / (G_job L)) km/s, and time T = L/V in kpc/(km/s) = 0.9778 Gyr.
    """

    length_kpc: float = 1.0
    mass_1e10_msun: float = 1.0
    G: float = 1.0

    @property
    def velocity_km_s(self) -> float:
        """One unit of velocity in km/s."""
        return math.sqrt(G_KPC_KMS * self.mass_1e10_msun / (self.G * self.length_kpc))

    @property
    def time_kpc_per_km_s(self) -> float:
        """One unit of time in kpc/(km/s)."""
        return self.length_kpc / self.velocity_km_s
