"""The potential of a disc galaxy and the moments of its disc, as tables of radius."""

from __future__ import annotations

import numpy as np

from hpcphys.initial.hernquist import hernquist_density
from hpcphys.initial.nfw import nfw_density
from hpcphys.initial.spherical import (
    IsotropicSphere,
    eddington,
    enclosed_mass,
    radius_grid,
    relative_potential,
)

DISC_EDGE = 12.0  # disc scale lengths; 8e-5 of an exponential disc lie outside
REFERENCE_RADIUS = 2.0  # scale lengths where Q is set: about its minimum where the rotation curve is flat


class DiscGalaxy:
    """Samplers `halo.sample`, `bulge.sample` (bulge may be None), `sample_disc` in one common potential.

    The arguments are those of `hpcphys.initial.disc.disc`.
    """

    def __init__(
        self, mass, scale_radius, disc_fraction, bulge_fraction, disc_height, toomre_q,
        halo_profile, halo_scale_radius, halo_cutoff, bulge_scale_radius, G,
    ):  # fmt: skip
        length = scale_radius
        self.disc_mass = disc_fraction * mass
        self._length, self._height, self._G = length, disc_height * length, G
        halo_mass = (1.0 - disc_fraction - bulge_fraction) * mass
        halo_length, bulge_length = halo_scale_radius * length, bulge_scale_radius * length
        edge = halo_cutoff * halo_length
        radius = radius_grid(1e-6 * length, 30.0 * max(edge, bulge_length * 20.0, DISC_EDGE * length))
        if halo_profile == "nfw":
            radius = radius[radius < 20.0 * edge]
            halo_density = nfw_density(radius, halo_length, halo_cutoff)
            halo_density *= halo_mass / enclosed_mass(radius, halo_density)[-1]
        else:
            halo_density = hernquist_density(radius, halo_mass, halo_length)
        bulge_density = hernquist_density(radius, bulge_fraction * mass, bulge_length)
        x = radius / length
        disc_enclosed = -self.disc_mass * (np.expm1(-x) + x * np.exp(-x))
        halo_enclosed = enclosed_mass(radius, halo_density)
        bulge_enclosed = enclosed_mass(radius, bulge_density) if bulge_fraction else np.zeros_like(radius)
        psi = relative_potential(radius, disc_enclosed + halo_enclosed + bulge_enclosed, G)
        cutoff = edge if halo_profile == "hernquist" else None
        self.halo = IsotropicSphere(radius, halo_enclosed, psi, eddington(psi, halo_density), cutoff)
        self.bulge = None
        if bulge_fraction:
            distribution = eddington(psi, bulge_density)
            self.bulge = IsotropicSphere(radius, bulge_enclosed, psi, distribution, 50.0 * bulge_length)
        self._tabulate_moments(radius, halo_enclosed + bulge_enclosed, toomre_q)

    def _tabulate_moments(self, radius, sphere_mass, toomre_q) -> None:
        """Rotation and dispersions of the disc on a grid of R."""
        G, length = self._G, self._length
        R = np.geomspace(1e-4 * length, DISC_EDGE * length, 1024)
        inside = np.interp(R, radius, sphere_mass)
        sphere_omega2 = G * inside / R**3
        omega2 = sphere_omega2 + freeman_speed_squared(R / length) * (G * self.disc_mass / length) / R**2
        # κ² = R⁻³ d(R⁴Ω²)/dR
        kappa2 = np.gradient(R**4 * omega2, R, edge_order=2) / R**3
        surface = self.disc_mass / (2.0 * np.pi * length**2) * np.exp(-R / length)
        shape = np.exp(-0.5 * R / length)
        at = np.interp(REFERENCE_RADIUS * length, R, 3.36 * G * surface / (np.sqrt(kappa2) * shape))
        radial2 = (toomre_q * at * shape) ** 2
        ratio = kappa2 / (4.0 * omega2)
        rotation2 = R**2 * omega2 + radial2 * (1.0 - ratio - 2.0 * R / length)
        # ∫ρ z ∂Φ/∂z dz/Σ: the sheet itself gives πGΣz₀, the spheres ω²⟨z²⟩ with ⟨z²⟩ = π²z₀²/12.
        depth = np.sqrt(R**2 + self._height**2)
        vertical_omega2 = G * np.interp(depth, radius, sphere_mass) / depth**3
        vertical2 = np.pi * G * surface * self._height + vertical_omega2 * (np.pi * self._height) ** 2 / 12.0
        x = R / length
        self._mass_inside = np.concatenate(([0.0], -(np.expm1(-x) + x * np.exp(-x))))
        self._R = np.concatenate(([0.0], R))
        self._moments = {
            "rotation": np.sqrt(np.maximum(rotation2, 0.0)),
            "radial": np.sqrt(radial2),
            "azimuthal": np.sqrt(radial2 * ratio),
            "vertical": np.sqrt(vertical2),
        }

    def moment(self, name: str, R: np.ndarray) -> np.ndarray:
        """Mean "rotation", or the dispersion "radial", "azimuthal" or "vertical", at cylindrical radius R."""
        return np.interp(R, self._R[1:], self._moments[name])

    def sample_disc(self, generator: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
        """Positions and velocities (rows, 3), (rows, 3) of disc particles; the disc turns about +z."""
        R = np.interp(generator.random(rows) * self._mass_inside[-1], self._mass_inside, self._R)
        azimuth = generator.uniform(0.0, 2.0 * np.pi, rows)
        cosine, sine = np.cos(azimuth), np.sin(azimuth)
        height = self._height * np.arctanh(2.0 * generator.uniform(1e-12, 1.0 - 1e-12, rows) - 1.0)
        along, across, up = generator.standard_normal((3, rows))
        along *= self.moment("radial", R)
        across *= self.moment("azimuthal", R)
        across += self.moment("rotation", R)
        up *= self.moment("vertical", R)
        position = np.stack((R * cosine, R * sine, height), axis=1)
        velocity = np.stack((along * cosine - across * sine, along * sine + across * cosine, up), axis=1)
        return position, velocity


def freeman_speed_squared(x: np.ndarray) -> np.ndarray:
    """v_c² of a razor-thin exponential disc in units of GM_d/R_d: 2y²[I₀K₀ − I₁K₁](y), y = x/2 = R/2R_d.

    Source: Freeman (1970), ApJ 160, 811, eq. 10; Binney & Tremaine (2008), eq. 2.165.
    """
    from scipy.special import i0, i1, k0, k1

    y = 0.5 * x
    return 2.0 * y**2 * (i0(y) * k0(y) - i1(y) * k1(y))
