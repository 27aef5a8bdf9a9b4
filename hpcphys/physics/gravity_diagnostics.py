"""What is conserved and watched in a self-gravitating system, without gathering a particle.

Two passes over this rank's rows in cache-sized pieces, two small reductions over the ranks: one of 17 sums,
one of a histogram of 4096 bins.  Nothing grows with the number of ranks or the total number of particles.
"""

from __future__ import annotations

import numpy as np

LAGRANGIAN_FRACTIONS = (0.10, 0.25, 0.50, 0.75, 0.90)
"""Mass fractions of the Lagrangian radii, in the order of the returned array."""

ROWS_PER_PIECE = 8192
"""Rows worked on at a time: the temporaries stay in the cache and do not grow with the number of rows."""

BINS_PER_OCTAVE = 32
LOWEST_OCTAVE, HIGHEST_OCTAVE = -64, 64
PROFILE_BINS = 64
PROFILE_BINS_PER_OCTAVE = 4  # of r, not r²

# A float64 ≥ 0 orders like the integer of its bits, so the exponent and the first five bits of the mantissa
# number 32 bins per octave without a logarithm.  Inside an octave the bins are equally wide.
_SHIFT = 52 - BINS_PER_OCTAVE.bit_length() + 1
_OFFSET = (1023 + LOWEST_OCTAVE) * BINS_PER_OCTAVE
_BINS = (HIGHEST_OCTAVE - LOWEST_OCTAVE) * BINS_PER_OCTAVE


def diagnostics(state, communicator, field=None, full: bool = False, reproducible: bool = False) -> dict:
    """Energies, momenta, centre and Lagrangian radii of all particles of all ranks.

    kinetic        T = ½ Σ m v²                       potential  W = ½ Σ m φ
    energy         T + W                              virial_ratio  2T/|W| (NaN where W = 0)
    momentum       (3,) Σ m v                         momentum_scale  Σ m |v|, its natural measure
    angular_momentum (3,) Σ m r × v about the origin  centre_of_mass (3,) Σ m r / Σ m
    centre         (3,) Σ m φ⁸ r / Σ m φ⁸: the weight is (1 + r²/a²)^(−4) in a Plummer sphere, so that
                   escapers do not pull at it
    lagrangian_radii (5,) radii about `centre` that enclose 10, 25, 50, 75, 90 % of the mass; from a
                   histogram with bins of 1–2 % in r, mass spread evenly in r³ inside a bin
    and with `full` profile_radius, profile_density (64,): logarithmic middle of shells of a quarter octave
    around the half-mass radius, and mass per volume in them (0 where empty).

    state: position, velocity (n, 3) f8, mass (n,) f8, potential (n,), valid at these positions
    communicator: allreduce (and sum_reproducible); field: not looked into, a part of the common interface
    reproducible: exact sums, bit for bit the same for every rank count and order of rows; 10 times slower
    Collective; equal results on all ranks.  Raises KeyError when the state has no potential.
    Source: Binney & Tremaine (2008), §4.8.3, §7.2; density centre by weights: von Hoerner (1963), ZfA 57, 47.
    """
    if "potential" not in state:
        raise KeyError("diagnostics need state['potential']: evaluate the field with outputs={'potential'}")
    position, velocity = state["position"], state["velocity"]
    mass, potential = state["mass"], state["potential"]
    if reproducible:
        terms = _terms(position, velocity, mass, potential)
        sums = np.concatenate([communicator.sum_reproducible(columns) for columns in terms])
    else:
        sums = communicator.allreduce(_local_sums(position, velocity, mass, potential), "sum")
    total_mass, kinetic, binding = float(sums[0]), 0.5 * float(sums[1]), 0.5 * float(sums[2])
    centre = sums[14:17] / sums[13] if sums[13] > 0.0 else sums[4:7] / total_mass
    result: dict = {
        "kinetic": kinetic,
        "potential": binding,
        "energy": kinetic + binding,
        "virial_ratio": 2.0 * kinetic / abs(binding) if binding else float("nan"),
        "momentum": sums[7:10],
        "momentum_scale": float(sums[3]),
        "angular_momentum": sums[10:13],
        "centre_of_mass": sums[4:7] / total_mass,
        "centre": centre,
    }
    if reproducible:
        # Masses as multiples of 2^-50 of the total: their sums are integers below 2^53, exact in any order.
        quantum = total_mass * 2.0**-50
        histogram = (
            communicator.allreduce(mass_histogram(position, np.rint(mass / quantum), centre), "sum") * quantum
        )
    else:
        histogram = communicator.allreduce(mass_histogram(position, mass, centre), "sum")
    enclosed = np.cumsum(histogram)
    radii = enclosing_radii(enclosed, LAGRANGIAN_FRACTIONS)
    result["lagrangian_radii"] = radii
    if full:
        result["profile_radius"], result["profile_density"] = density_profile(enclosed, float(radii[2]))
    return result


def mass_histogram(position: np.ndarray, mass: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Mass per bin of r² about `centre`: (4096,); bin edges are `bin_edges()`, the ends take what is beyond.

    position: (n, 3) f8 [length];  mass: (n,) f8;  centre: (3,)
    """
    histogram = np.zeros(_BINS)
    for start in range(0, mass.size, ROWS_PER_PIECE):
        piece = slice(start, start + ROWS_PER_PIECE)
        separation = position[piece] - centre
        squared = np.einsum("ij,ij->i", separation, separation)
        bins = squared.view(np.int64) >> _SHIFT
        bins -= _OFFSET
        np.clip(bins, 0, _BINS - 1, out=bins)
        histogram += np.bincount(bins, weights=mass[piece], minlength=_BINS)
    return histogram


def bin_edges() -> np.ndarray:
    """Edges in r of the bins of `mass_histogram`: (4097,) [length], from 2^-32 to 2^32."""
    bits = (np.arange(_BINS + 1, dtype=np.int64) + _OFFSET) << _SHIFT
    return np.sqrt(bits.view(np.float64))


def enclosing_radii(enclosed: np.ndarray, fractions) -> np.ndarray:
    """Radii that enclose the given fractions of the mass: r³ linear in mass inside a bin (constant density).

    enclosed: (4096,) cumulative mass per bin;  returns (len(fractions),) [length]
    """
    edges = bin_edges()
    wanted = np.asarray(fractions) * enclosed[-1]
    index = np.minimum(np.searchsorted(enclosed, wanted), _BINS - 1)
    below = np.where(index > 0, enclosed[index - 1], 0.0)
    inside = enclosed[index] - below
    share = np.divide(wanted - below, inside, out=np.zeros_like(wanted), where=inside > 0.0)
    return np.cbrt(edges[index] ** 3 + share * (edges[index + 1] ** 3 - edges[index] ** 3))


def density_profile(enclosed: np.ndarray, half_mass_radius: float) -> tuple[np.ndarray, np.ndarray]:
    """ρ in 64 shells, a quarter octave each, from 2^-10 to 2^6 half-mass radii (snapped to a bin edge).

    enclosed: (4096,) cumulative mass per bin of `mass_histogram`
    Returns radius (64,), the geometric middle of each shell [length], and density (64,) [mass/length³].
    """
    edges = bin_edges()
    # A quarter octave of r is half an octave of r².
    stride = BINS_PER_OCTAVE * 2 // PROFILE_BINS_PER_OCTAVE
    start = int(np.searchsorted(edges, half_mass_radius)) - 10 * PROFILE_BINS_PER_OCTAVE * stride
    start = min(max(start - start % stride, 0), _BINS - PROFILE_BINS * stride)
    index = start + stride * np.arange(PROFILE_BINS + 1)
    radius = edges[index]
    mass = np.where(index > 0, enclosed[index - 1], 0.0)
    shell_volume = 4.0 / 3.0 * np.pi * np.diff(radius**3)
    return np.sqrt(radius[1:] * radius[:-1]), np.diff(mass) / shell_volume


def _local_sums(position, velocity, mass, potential) -> np.ndarray:
    """The 17 sums of `_terms` over this rank's rows, as one product of two thin matrices per piece.

    rows of left: m, m φ⁸, m v (3);  rows of right: 1, φ, r (3), v (3)
    """
    left, right = np.empty((5, ROWS_PER_PIECE)), np.ones((8, ROWS_PER_PIECE))
    products, momentum_scale = np.zeros((5, 8)), 0.0
    for start in range(0, mass.size, ROWS_PER_PIECE):
        rows = slice(start, min(start + ROWS_PER_PIECE, mass.size))
        a, b = left[:, : rows.stop - start], right[:, : rows.stop - start]
        a[0] = mass[rows]
        b[1] = potential[rows]
        b[2:5] = position[rows].T
        b[5:8] = velocity[rows].T
        np.multiply(b[1], b[1], out=a[1])
        a[1] *= a[1]
        a[1] *= a[1]
        a[1] *= a[0]
        np.multiply(a[0], b[5:8], out=a[2:5])
        products += a @ b.T
        momentum_scale += a[0] @ np.sqrt(np.einsum("ij,ij->j", b[5:8], b[5:8]))
    moment = products[2:5, 2:5]  # moment[i, j] = Σ m v_i r_j
    spin = (moment[2, 1] - moment[1, 2], moment[0, 2] - moment[2, 0], moment[1, 0] - moment[0, 1])
    return np.concatenate(
        (
            (products[0, 0], np.trace(products[2:5, 5:8]), products[0, 1], momentum_scale),
            (*products[0, 2:5], *products[0, 5:8], *spin),
            (products[1, 0], *products[1, 2:5]),
        )
    )


def _terms(position, velocity, mass, potential):
    """Terms of the 17 sums, some columns at a time: m, m v², m φ, m|v|; m r; m v; m r × v; mφ⁸, mφ⁸ r."""
    phi = potential.astype(np.float64)
    speed_squared = np.einsum("ij,ij->i", velocity, velocity)
    yield np.stack((mass, mass * speed_squared, mass * phi, mass * np.sqrt(speed_squared)), axis=1)
    yield mass[:, None] * position
    yield mass[:, None] * velocity
    yield mass[:, None] * np.cross(position, velocity)
    weight = (mass * phi**8)[:, None]
    yield np.concatenate((weight, weight * position), axis=1)
