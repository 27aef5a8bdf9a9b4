"""What is measured of a state at once: temperature, energies, pressure, the conserved quantity; and the line
that tells them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hpcphys.compiler import State
from hpcphys.decomposition.cells.box import Box
from hpcphys.run.liquids.units import NamedUnits

COMPONENTS = ("xx", "yy", "zz", "yx", "zx", "zy")


@dataclass(frozen=True)
class Moment:
    """One moment of a liquid, the same on all ranks; energies of all atoms.

    pressure: (3, 3) tensor;  box;  parts: what the ensemble adds to make its conserved quantity
    """

    temperature: float
    kinetic: float
    potential: float
    pressure: np.ndarray
    box: Box
    parts: dict[str, float]

    @property
    def energy(self) -> float:
        """Kinetic and potential energy."""
        return self.kinetic + self.potential

    @property
    def conserved(self) -> float:
        """The ensemble's conserved quantity."""
        return self.energy + sum(self.parts.values())

    @property
    def scalar_pressure(self) -> float:
        """A third of the tensor's trace."""
        return float(np.trace(self.pressure)) / 3.0


def measured(system: Any, pairs: Any) -> Moment:
    """The present moment of a liquid; collective.

    system: hpcphys.physics.liquids.Liquid;  pairs: its ListedPairs
    Evaluates the forces once more where energy and virial do not belong to the present positions.
    """
    from hpcphys.physics.liquids.boxes import known_box
    from hpcphys.physics.liquids.pressure import ENERGY, keep_totals, pressure_tensor

    state, setting = system.state, system.setting
    if not (pairs.totals_known and state.is_valid("force")):
        pairs.evaluate(state, {"totals"})
        state.mark_valid(pairs.writes)
    keep_totals(state, pairs.totals())  # with the corrections for what lies beyond the cutoff
    box = known_box(state, pairs)
    kinetic = setting.motion.kinetic_energy(state)
    return Moment(
        setting.temperature(kinetic),
        kinetic,
        float(state.scalars[ENERGY]),
        pressure_tensor(state, setting, box.volume),
        box,
        system.ensemble.parts(state, setting),
    )


def row_of(moment: Moment, first: float, atoms: int, state: State, pairs: Any) -> dict[str, Any]:
    """A row of diagnostics.  first: the conserved quantity at the start of the run

    conserved_error: (E - E0)/N;  pressure_tensor: xx, yy, zz, yx, zx, zy;  box: lx, ly, lz, xy, xz, yz
    """
    tensor, vectors = 0.5 * (moment.pressure + moment.pressure.T), moment.box.vectors
    return {
        "temperature": moment.temperature,
        "potential_energy": moment.potential,
        "kinetic_energy": moment.kinetic,
        "total_energy": moment.energy,
        "pressure": moment.scalar_pressure,
        "volume": moment.box.volume,
        "conserved": moment.conserved,
        "conserved_error": (moment.conserved - first) / atoms,
        "pressure_tensor": np.array([tensor["xyz".index(n[0]), "xyz".index(n[1])] for n in COMPONENTS]),
        "box": np.array([*np.diag(vectors), vectors[1, 0], vectors[2, 0], vectors[2, 1]]),
        "builds": pairs.builds,
        "dangerous_builds": pairs.dangerous,
    }


class ThermoLines:
    """Rows as lines that a LAMMPS user reads at once; energies per atom in reduced units, as LAMMPS has them.

    every: steps between lines
    """

    def __init__(self, atoms: int, units: NamedUnits, every: int):
        self.divisor = float(atoms) if units.reduced else 1.0
        self.every, self._titled = every, False
        self._title = self._heading(units)

    def lines(self, row: dict[str, Any]) -> str:
        """The line of a row that is due, below the heading the first time; else ""."""
        if not row or row["step"] % self.every:
            return ""
        energies = [
            row[name] / self.divisor for name in ("potential_energy", "kinetic_energy", "total_energy")
        ]
        values = [row["temperature"], *energies, row["pressure"], row["volume"], row["conserved_error"]]
        line = f"{row['step']:>10d} " + " ".join(
            f"{value:>14.8g}" if k < 6 else f"{value:>10.2e}" for k, value in enumerate(values)
        )
        if self._titled:
            return line
        self._titled = True
        return f"{self._title}\n{line}"

    @staticmethod
    def _heading(units: NamedUnits) -> str:
        names = ["Temp", "PotEng", "KinEng", "TotEng", "Press", "Volume"]
        heading = f"{'Step':>10} " + " ".join(f"{name:>14}" for name in names) + f" {'Drift/N':>10}"
        if units.reduced:
            return heading
        energy = units.energy
        dimensions = ["K", energy, energy, energy, f"{energy}/{units.length}^3", f"{units.length}^3"]
        return heading + f"\n{'':>10} " + " ".join(f"{name:>14}" for name in dimensions) + f" {energy:>10}"
