"""Block averages that every run of a liquid keeps: temperature, energies, pressure, density."""

from __future__ import annotations

from typing import Any

import numpy as np

from hpcphys.physics.observables import BlockAverage
from hpcphys.run.liquids.thermo import Moment

NAMES = (
    "temperature", "potential_energy", "kinetic_energy", "total_energy", "pressure", "volume", "density",
)  # fmt: skip


class Averages:
    """Means and errors of what a moment holds, energies per atom.

    atoms: on all ranks;  interval: time between samples
    """

    def __init__(self, atoms: int, interval: float):
        self.atoms = atoms
        self.blocks = BlockAverage(NAMES, interval)

    def sample(self, moment: Moment) -> None:
        """Add a moment."""
        energies = [moment.potential, moment.kinetic, moment.energy]
        volume = moment.box.volume
        self.blocks.add(
            [
                moment.temperature,
                *(energy / self.atoms for energy in energies),
                moment.scalar_pressure,
                volume,
                self.atoms / volume,
            ]
        )

    def metrics(self) -> dict[str, Any]:
        """<name>, <name>_error and <name>_autocorrelation_time of each; {} before two samples."""
        if self.blocks.samples < 2:
            return {}
        found: dict[str, Any] = {"samples": self.blocks.samples}
        for name, estimate in self.blocks.estimates().items():
            found[name] = estimate.value
            found[f"{name}_error"] = finite(estimate.error)
            found[f"{name}_autocorrelation_time"] = finite(estimate.autocorrelation_time)
        return found


def finite(value: Any) -> float | None:
    """The number, or None where it is not one: JSON knows no infinity."""
    number = float(value)
    return number if np.isfinite(number) else None
