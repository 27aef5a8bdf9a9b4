"""Maps of projected density from snapshots, read in pieces so that memory is bounded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hpcphys.io.rows import open_hdf5

ROWS_PER_PIECE = 1 << 20
VISIBLE_TYPES = (2, 3, 4)
SMOOTHING_PIXELS = (0.7, 1.4, 2.8, 5.6, 11.2)
PARTICLES_PER_KERNEL = 12.0
AXES = {"z": (0, 1), "y": (0, 2), "x": (1, 2)}
"""Line of sight -> the two coordinates in the picture."""


@dataclass(frozen=True)
class Particles:
    """Those particles of a snapshot that a picture shows: its discs and bulges, or all where there are none.

    time [kpc/(km/s)];  groups: names of the HDF5 groups
    """

    path: Path
    time: float
    groups: tuple[str, ...]

    def pieces(self):
        """Position (n, 3) [kpc] and mass (n,) [10^10 solar masses], piece by piece."""
        with open_hdf5(self.path) as file:
            for group in self.groups:
                rows = file[f"{group}/Coordinates"].shape[0]
                for start in range(0, rows, ROWS_PER_PIECE):
                    piece = slice(start, min(start + ROWS_PER_PIECE, rows))
                    yield file[f"{group}/Coordinates"][piece], file[f"{group}/Masses"][piece]


def visible_particles(path: Path) -> Particles:
    """What a picture of this snapshot shows.  Raises DataFileError when it cannot be read."""
    with open_hdf5(path) as file:
        groups = [name for name in sorted(file) if name.startswith("PartType")]
        visible = [name for name in groups if int(name.removeprefix("PartType")) in VISIBLE_TYPES]
        return Particles(path, float(file["Header"].attrs["Time"]), tuple(visible or groups))


def centre_and_extent(particles: Particles, fraction: float = 0.8) -> tuple[np.ndarray, float]:
    """Mean position (3,) [kpc] of at most 100,000 particles, and the radius that holds `fraction` of them."""
    sample = []
    for position, _ in particles.pieces():
        sample.append(position[:: max(1, len(position) // 100_000)])
    positions = np.concatenate(sample)
    centre = positions.mean(axis=0)
    return centre, float(np.quantile(np.sqrt(((positions - centre) ** 2).sum(axis=1)), fraction))


def surface_density(
    particles: Particles, centre: np.ndarray, half_width: float, pixels: int = 400, sight: str = "z"
) -> np.ndarray:
    """Σ on a square of pixels [10^10 solar masses/kpc²], smoothed where particles are few.

    centre: (3,) [kpc];  half_width of the square [kpc];  sight: axis along which one looks
    The mass of each pixel is spread by the narrowest of five Gaussian kernels that holds a dozen particles,
    with soft passages between kernels; mass is conserved.
    Returns (pixels, pixels), first index upward.
    """
    from scipy.ndimage import gaussian_filter

    # A margin, so that the smoothing knows what lies just outside the picture.
    margin = round(3 * SMOOTHING_PIXELS[-1])
    side = pixels + 2 * margin
    pixel = 2.0 * half_width / pixels
    mass_map, count_map = np.zeros((side, side)), np.zeros((side, side))
    across, upward = AXES[sight]
    for position, mass in particles.pieces():
        column = (
            np.floor((position[:, across] - centre[across] + half_width) / pixel).astype(np.int64) + margin
        )
        row = np.floor((position[:, upward] - centre[upward] + half_width) / pixel).astype(np.int64) + margin
        inside = (column >= 0) & (column < side) & (row >= 0) & (row < side)
        index = row[inside] * side + column[inside]
        mass_map += np.bincount(index, weights=mass[inside], minlength=side * side).reshape(side, side)
        count_map += np.bincount(index, minlength=side * side).reshape(side, side)
    result = np.zeros_like(mass_map)
    left = np.ones_like(mass_map)  # share of a pixel's mass that no kernel has taken yet
    for sigma in SMOOTHING_PIXELS[:-1]:
        held = gaussian_filter(count_map, sigma) * (4.0 * np.pi * sigma**2)
        # From nothing at half a dozen particles under the kernel to all at two dozen.
        with np.errstate(divide="ignore"):
            share = left * np.clip(0.5 * np.log2(held / PARTICLES_PER_KERNEL) + 0.5, 0.0, 1.0)
        result += gaussian_filter(mass_map * share, sigma)
        left -= share
    result += gaussian_filter(mass_map * left, SMOOTHING_PIXELS[-1])
    return result[margin:-margin, margin:-margin] / pixel**2
