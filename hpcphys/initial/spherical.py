"""Spheres with an isotropic distribution function f(E), drawn from tables of radius.

A table is a logarithmic grid of radii with the density ρ of one component and the relative potential
ψ = −Φ of everything together, so that several components can share one potential in equilibrium.
"""

from __future__ import annotations

import numpy as np

from hpcphys.initial.blocks import isotropic, sampled_rows

POINTS = 2048
EDDINGTON_POINTS = 512
BOUND_SAFETY = 1.1  # the envelope of the rejection is tabulated, so it needs room between its points


def radius_grid(smallest: float, largest: float, points: int = POINTS) -> np.ndarray:
    """Logarithmic radii from `smallest` to `largest` [length]."""
    return np.geomspace(smallest, largest, points)


def enclosed_mass(radius: np.ndarray, density: np.ndarray) -> np.ndarray:
    """M(r) = ∫₀^r 4πs²ρ ds by the trapezoidal rule in ln s; inside the first radius ρ is its power law."""
    shell = 4.0 * np.pi * radius**3 * density
    slope = np.log(shell[1] / shell[0]) / np.log(radius[1] / radius[0])
    steps = 0.5 * (shell[1:] + shell[:-1]) * np.diff(np.log(radius))
    return shell[0] / slope + np.concatenate(([0.0], np.cumsum(steps)))


def relative_potential(radius: np.ndarray, enclosed: np.ndarray, G: float) -> np.ndarray:
    """ψ(r) = G ∫_r^∞ M(s)/s² ds; beyond the last radius the mass is taken as constant."""
    force = enclosed / radius  # M/s² ds = M/s d ln s
    steps = 0.5 * (force[1:] + force[:-1]) * np.diff(np.log(radius))
    outside = np.concatenate((np.cumsum(steps[::-1])[::-1], [0.0]))
    return G * (outside + enclosed[-1] / radius[-1])


def eddington(psi: np.ndarray, density: np.ndarray) -> np.ndarray:
    """f(E) at E = psi of an isotropic sphere, up to a constant factor (a negative f is set to zero).

    f(E) ∝ d/dE ∫₀^E (dρ/dψ) dψ/√(E−ψ) = ∫₀^E (d²ρ/dψ²) dψ/√(E−ψ) + (dρ/dψ)|₀/√E.
    dρ/dψ is linear between the points of a thinned table, on which the integral is then exact.
    psi: (n,) decreasing, > 0;  density: (n,) decreasing, > 0.  Returns (n,).
    Source: Eddington (1916), MNRAS 76, 572; Binney & Tremaine (2008), eq. 4.46b.
    """
    stride = max(1, psi.size // EDDINGTON_POINTS)
    keep = np.unique(np.concatenate((np.arange(0, psi.size, stride), [psi.size - 1])))[::-1]
    energy, rho = psi[keep], density[keep]
    log_slope = np.gradient(np.log(rho), np.log(energy))
    slope = log_slope * rho / energy
    curvature = np.diff(slope) / np.diff(energy)
    # ∫_a^b dψ/√(E−ψ) = 2(√(E−a) − √(E−b)), cut at E.
    root = np.sqrt(np.maximum(energy[:, None] - energy[None, :], 0.0))
    values = 2.0 * (root[:, :-1] - root[:, 1:]) @ curvature + slope[0] / np.sqrt(energy)
    values = np.maximum(values, 0.0)
    return np.interp(psi, energy, values)


class IsotropicSphere:
    """Draws positions and velocities of one component from f(E) in the total potential.

    radius: (n,) increasing [length]
    enclosed: (n,) mass of this component inside each radius; drawn up to the last radius at most
    psi: (n,) total relative potential at these radii, decreasing, > 0 [velocity²]
    distribution: (n,) f at the energies E = psi, in any unit
    cutoff: largest radius drawn [length]; None is the last one
    """

    def __init__(self, radius, enclosed, psi, distribution, cutoff: float | None = None):
        self.drawn_mass = float(np.interp(np.inf if cutoff is None else cutoff, radius, enclosed))
        self._enclosed = np.concatenate(([0.0], enclosed))
        self._radius = np.concatenate(([0.0], radius))
        self._log_radius, self._log_psi = np.log(radius), np.log(psi)
        self._log_energy = np.log(psi[::-1])
        self._log_f = np.log(np.maximum(distribution[::-1], np.finfo(float).tiny))
        # Envelope of q² f(ψ(1 − q²)) over q, for each ψ of the table.
        fraction = np.linspace(0.0, 1.0, 201)[1:-1]
        trial = self._log_energy[:, None] + np.log1p(-(fraction**2))
        height = 2.0 * np.log(fraction) + np.interp(trial, self._log_energy, self._log_f)
        self._log_bound = height.max(axis=1) + np.log(BOUND_SAFETY)

    def sample(self, generator: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
        """Positions and velocities (rows, 3), (rows, 3)."""
        enclosed = self.drawn_mass * (1.0 - generator.random(rows))
        radius = np.interp(enclosed, self._enclosed, self._radius)
        speed = self._speeds(generator, radius)
        return isotropic(generator, radius), isotropic(generator, speed)

    def _speeds(self, generator: np.random.Generator, radius: np.ndarray) -> np.ndarray:
        """v = q√(2ψ) with density q² f(ψ(1 − q²)) on (0, 1), by rejection."""
        log_psi = np.interp(np.log(radius), self._log_radius, self._log_psi)
        log_bound = np.interp(log_psi, self._log_energy, self._log_bound)
        fraction = np.empty(radius.size)
        pending = np.arange(radius.size)
        while pending.size:
            trial = 1.0 - generator.random(pending.size)
            height = generator.random(pending.size)
            squared = trial * trial
            with np.errstate(divide="ignore"):  # q = 1 has E = 0 and no particles
                log_energy = log_psi[pending] + np.log1p(-squared)
            log_f = np.interp(log_energy, self._log_energy, self._log_f)
            accepted = height < squared * np.exp(log_f - log_bound[pending])
            fraction[pending[accepted]] = trial[accepted]
            pending = pending[~accepted]
        return fraction * np.exp(0.5 * (log_psi + np.log(2.0)))


def equal_masses(
    sphere: IsotropicSphere,
    count: int,
    rng_seed: int,
    first: int,
    last: int,
    virial_ratio: float,
    mass: float,
) -> dict[str, np.ndarray]:
    """Rows [first, last) of `count` equal masses drawn from a sphere, speeds times √virial_ratio.

    mass: of all `count` together.  Returns position, velocity, mass, id.
    """

    def sample(generator: np.random.Generator, rows: int) -> dict[str, np.ndarray]:
        position, velocity = sphere.sample(generator, rows)
        velocity *= np.sqrt(virial_ratio)
        return {"position": position, "velocity": velocity}

    arrays = sampled_rows(count, rng_seed, sample, first=first, last=last)
    arrays["mass"] = np.full(last - first, mass / count)
    arrays["id"] = np.arange(first, last, dtype=np.int64)
    return arrays
