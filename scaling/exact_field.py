"""A sample of particles with their exact accelerations and potentials: the measure of every error."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hpcphys.kernels import backend as backend_named

FOLDER = Path(__file__).resolve().parent
SAMPLE = 1000


@dataclass(frozen=True)
class Errors:
    """Median and 99th percentile of |a - a_exact|/|a_exact|; median of |φ/φ_exact - 1| (None: no φ)."""

    median: float
    worst: float
    potential: float | None = None


class ExactSample:
    """Some particles, drawn at random, and their exact fields for G = 1.

    rows: (k,) of the arrays, drawn without repetition;  acceleration (k, 3);  potential (k,)
    """

    def __init__(
        self,
        position: np.ndarray,
        mass: np.ndarray,
        softening: float,
        kernel: str = "plummer",
        sample: int = SAMPLE,
        seed: int = 7,
    ):
        """position (n, 3), mass (n,), by id; kernel: "plummer", "spline" (support 2.8 ε) or "none"."""
        count = len(mass)
        rng = np.random.default_rng(seed)
        self.rows = np.sort(rng.choice(count, min(sample, count), replace=False)).astype(np.int64)
        backend = backend_named("cpu", threads=1, folders=[FOLDER])
        columns = [np.ascontiguousarray(position[:, axis]) for axis in range(3)]
        field = np.zeros((len(self.rows), 4))
        epsilon2 = softening**2 if kernel == "plummer" else 0.0
        support = 2.8 * softening if kernel == "spline" else 0.0
        backend.module("exact_field").launch(
            "exact_fields", len(self.rows), self.rows, count, *columns, mass, epsilon2, support, field
        )
        self.acceleration, self.potential = field[:, :3], field[:, 3]

    def errors(
        self, identity: np.ndarray, acceleration: np.ndarray, potential: np.ndarray | None = None
    ) -> Errors:
        """Errors of fields whose rows belong to the particles `identity` (n,), in any order."""
        place = np.empty(len(identity), np.int64)
        place[identity] = np.arange(len(identity))
        here = place[self.rows]
        difference = np.linalg.norm(acceleration[here].astype(np.float64) - self.acceleration, axis=1)
        relative = difference / np.linalg.norm(self.acceleration, axis=1)
        of_potential = None
        if potential is not None:
            of_potential = float(np.median(np.abs(potential[here].astype(np.float64) / self.potential - 1.0)))
        return Errors(float(np.median(relative)), float(np.percentile(relative, 99)), of_potential)
