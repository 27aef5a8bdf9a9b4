"""The heat capacity at constant volume from fluctuations of energy."""

from __future__ import annotations

import numpy as np

from hpcphys.physics.observables.saved import Saved, require_same
from hpcphys.physics.observables.segments import Measured, Segments

ENSEMBLES = ("nve", "nvt")


class HeatCapacity:
    """C_V of the whole system [energy/temperature].

    NVT: ⟨δE²⟩ = k_B T² C_V.
    NVE: ⟨δK²⟩ = ½ f (k_B T)² (1 - f k_B/(2 C_V)), ⟨K⟩ = ½ f k_B T, hence
         C_V = ½ f k_B/(1 - ½ f ⟨δK²⟩/⟨K⟩²).
    f: degrees of freedom, 3N - 3 with the momentum conserved, less the constraints.
    Source: Lebowitz, Percus & Verlet (1967), Phys. Rev. 153, 250, eq. 3.7.
    """

    def __init__(self, ensemble: str, degrees_of_freedom: float, boltzmann: float = 1.0):
        """ensemble: "nve" or "nvt".  Raises ValueError for another, or f ≤ 0."""
        if ensemble not in ENSEMBLES or not degrees_of_freedom > 0:
            raise ValueError(
                f"ensemble '{ensemble}', degrees_of_freedom {degrees_of_freedom}: allowed are "
                f"{' and '.join(ENSEMBLES)}, and a number > 0"
            )
        self.ensemble, self.freedom, self.boltzmann = ensemble, float(degrees_of_freedom), float(boltzmann)
        self._origin: float | None = None
        self.segments = Segments({"kinetic": (), "first": (), "second": (), "samples": ()})

    def sample(self, kinetic: float, energy: float) -> None:
        """One sample: kinetic energy and total energy of all atoms."""
        value = float(kinetic if self.ensemble == "nve" else energy)
        if self._origin is None:
            self._origin = value  # deviations are small against E: squares of them keep their digits
        change = value - self._origin
        self.segments.add(kinetic=float(kinetic), first=change, second=change * change, samples=1.0)

    def result(self) -> Measured:
        """C_V with its error; NaN without a kinetic energy.  Raises ValueError before the first sample."""
        if self.segments.samples == 0:
            raise ValueError("the heat capacity has no sample yet")
        return self.segments.measured(self._capacity)

    def _capacity(self, totals: dict[str, np.ndarray]) -> float:
        count = float(totals["samples"])
        mean, kinetic = float(totals["first"]) / count, float(totals["kinetic"]) / count
        variance = float(totals["second"]) / count - mean**2
        half = 0.5 * self.freedom
        if not kinetic > 0.0:
            return np.nan
        if self.ensemble == "nve":
            return half * self.boltzmann / (1.0 - half * variance / kinetic**2)
        temperature = kinetic / (half * self.boltzmann)
        return variance / (self.boltzmann * temperature**2)

    def saved(self) -> Saved:
        """All that it remembers."""
        numbers = {
            "kind": "heat capacity", "ensemble": self.ensemble, "freedom": self.freedom,
            "origin": self._origin,
        }  # fmt: skip
        return Saved(numbers, self.segments.arrays())

    def restore(self, saved: Saved) -> None:
        """Go on from what `saved` gave."""
        require_same("heat capacity", saved.numbers, ensemble=self.ensemble, freedom=self.freedom)
        self._origin = saved.numbers["origin"]
        self.segments.restore(saved.arrays)
