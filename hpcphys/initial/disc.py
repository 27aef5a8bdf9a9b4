"""Exponential disc in a halo, with a bulge if asked: close to equilibrium from the first step."""

from __future__ import annotations

import functools

import numpy as np

from hpcphys.initial.blocks import row_range, sampled_rows
from hpcphys.initial.disc_tables import DiscGalaxy
from hpcphys.initial.parameters import positive, within

HALO, DISC, BULGE = 1, 2, 3
"""GADGET particle types of the components, as the snapshots have them."""


def disc(
    count: int,
    rng_seed: int,
    *,
    first: int = 0,
    last: int | None = None,
    mass: float = 1.0,
    scale_radius: float = 1.0,
    disc_fraction: float = 0.05,
    bulge_fraction: float = 0.0,
    disc_share: float = 0.3,
    bulge_share: float = 0.1,
    disc_height: float = 0.1,
    toomre_q: float = 1.5,
    halo_profile: str = "hernquist",
    halo_scale_radius: float = 8.0,
    halo_cutoff: float = 20.0,
    bulge_scale_radius: float = 0.2,
    G: float = 1.0,
) -> dict[str, np.ndarray]:
    """Halo, disc and bulge, rows in this order; equal masses inside a component, not between them.

    Disc: Σ(R) = M_d/(2πR_d²) exp(−R/R_d), ρ ∝ sech²(z/z₀); velocities Gaussian about the mean rotation:
      σ_R² ∝ exp(−R/R_d) with σ_R κ/(3.36 G Σ) = Q at R = 2R_d, σ_φ = σ_R κ/2Ω,
      ⟨v_φ⟩² = v_c² + σ_R²(1 − κ²/4Ω² − 2R/R_d), σ_z² = ∫ρ z ∂Φ/∂z dz/Σ, of the disc's sheet and the spheres.
    Halo (Hernquist, or NFW with an edge of halo_cutoff scale radii) and Hernquist bulge: isotropic, by
      Eddington's inversion in the potential of all three, the disc's averaged over the sphere.
    mass: total, of which the shares disc_fraction and bulge_fraction [mass]; the halo's mass beyond its
      cutoff is not drawn;  scale_radius: R_d [length];  disc_share, bulge_share: of the particle number
      (bulge_share counts only with a bulge);  disc_height z₀, halo_scale_radius,
      bulge_scale_radius: in units of R_d
    halo_profile: "hernquist" or "nfw";  halo_cutoff: in halo scale radii;  toomre_q: Q ≥ 0
    Returns position (n, 3), velocity (n, 3), mass (n,), id (n,), type (n,) int8: 1 halo, 2 disc, 3 bulge.
    Raises ValueError for a parameter out of its range.
    Source: Hernquist (1993), ApJS 86, 389, §2.2–2.3; Freeman (1970), ApJ 160, 811 (rotation curve); the halo
    by Eddington as in Kazantzidis, Magorrian & Moore (2004), ApJ 601, 37, not by moments.
    """
    positive(mass=mass, scale_radius=scale_radius, disc_height=disc_height, G=G)
    positive(halo_scale_radius=halo_scale_radius, bulge_scale_radius=bulge_scale_radius)
    within(1e-6, 0.99, disc_fraction=disc_fraction)
    within(0.0, 0.99 - disc_fraction, bulge_fraction=bulge_fraction)
    within(0.0, 1.0, disc_share=disc_share)
    within(0.0, 1.0 - disc_share, bulge_share=bulge_share)
    within(1.0, 1000.0, halo_cutoff=halo_cutoff)
    within(0.0, 100.0, toomre_q=toomre_q)
    if halo_profile not in ("hernquist", "nfw"):
        raise ValueError(f"halo_profile: found '{halo_profile}', allowed are 'hernquist' and 'nfw'")
    first, last = row_range(count, first, last)
    galaxy = disc_galaxy(
        mass, scale_radius, disc_fraction, bulge_fraction, disc_height, toomre_q,
        halo_profile, halo_scale_radius, halo_cutoff, bulge_scale_radius, G,
    )  # fmt: skip
    in_disc = round(disc_share * count)
    in_bulge = round(bulge_share * count) if bulge_fraction > 0.0 else 0
    components = (
        (HALO, count - in_disc - in_bulge, galaxy.halo.drawn_mass, galaxy.halo.sample),
        (DISC, in_disc, galaxy.disc_mass, galaxy.sample_disc),
        (BULGE, in_bulge, bulge_fraction * mass, galaxy.bulge.sample if galaxy.bulge else None),
    )
    parts, start = [], 0
    for kind, rows, component_mass, sample in components:
        if rows:
            low, high = (min(max(edge - start, 0), rows) for edge in (first, last))
            parts.append(_component(kind, rows, component_mass, sample, rng_seed, low, high))
            start += rows
    arrays = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    arrays["id"] = np.arange(first, last, dtype=np.int64)
    return arrays


@functools.lru_cache(maxsize=4)
def disc_galaxy(*parameters) -> DiscGalaxy:
    """The tables of a galaxy, made once."""
    return DiscGalaxy(*parameters)


def _component(kind, rows, mass, sample, rng_seed, low, high) -> dict[str, np.ndarray]:
    """Rows [low, high) of one component with its own random stream."""

    def draw(generator: np.random.Generator, size: int) -> dict[str, np.ndarray]:
        position, velocity = sample(generator, size)
        return {"position": position, "velocity": velocity}

    arrays = sampled_rows(rows, rng_seed, draw, first=low, last=high, stream=kind)
    arrays["mass"] = np.full(high - low, mass / rows)
    arrays["type"] = np.full(high - low, kind, dtype=np.int8)
    return arrays
