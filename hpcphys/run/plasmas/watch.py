"""What is watched of a plasma: energies, momenta, counts, charge residual, Fourier modes, what is lost."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from hpcphys.physics.plasma.staggering import FourierMode
from hpcphys.run.plasmas.assembly import Parts, momentum_lag

COMPONENTS = {"x": 0, "y": 1, "z": 2}


class PlasmaWatch:
    """Rows of diagnostics.

    memory: of the checkpoint being resumed, or None;  background: charge density besides the particles'
    Kinetic energies and momenta are those of whole steps: a leapfrog's are moved by half a step and back.
    """

    def __init__(self, job: Any, parts: Parts, communicator: Any, memory: dict | None) -> None:
        self.job, self.parts, self.communicator = job, parts, communicator
        self.memory: dict = memory or {"background": 0.0, "energy_error": 0.0, "charge_residual": 0.0}
        # What sides absorbed before the checkpoint that is resumed is known to the first rank alone.
        self._before = self.memory.get("absorbed", {}) if communicator.rank == 0 else {}
        declaration = parts.declaration
        self.modes = {
            mode.name: (
                mode.field[0],
                FourierMode(
                    parts.blocks, declaration.lower, declaration.spacing, mode.field[0],
                    COMPONENTS[mode.field[2]], mode.index,
                ),
            )
            for mode in job.diagnostics.modes
        }  # fmt: skip
        self.is_closed = (
            not job.lasers
            and not any(job.external.electric)
            and not any(job.external.magnetic)
            and all(sides[0] == "periodic" for sides in declaration.particle_sides)
        )

    def row(self, state: Any) -> dict[str, Any]:
        """One row; collective.  The first one becomes what errors are relative to."""
        row = {**self._energies(state), **self._modes()}
        memory = self.memory
        if "energy" not in memory:
            memory["energy"] = row["energy"]
            memory["counts"] = {name: row[f"particles_{name}"] for name in self.parts.species}
        row["energy_error"] = (row["energy"] - memory["energy"]) / (abs(memory["energy"]) or 1.0)
        memory["energy_error"] = max(memory["energy_error"], abs(row["energy_error"]))
        if self.parts.is_electromagnetic and self.job.diagnostics.residual:
            row["charge_residual"] = self._residual()
            memory["charge_residual"] = max(memory["charge_residual"], row["charge_residual"])
        return row

    def lost(self) -> str:
        """Which species has lost particles that no side has taken, or has too many, in words; collective."""
        counts = [each.count + self._absorbed(name) for name, each in self.parts.species.items()]
        total = self.communicator.allreduce(np.array(counts, dtype=np.int64), "sum")
        for (name, expected), found in zip(self.memory.get("counts", {}).items(), total, strict=False):
            if found != expected:
                return f"species {name} has {found} particles, of {expected} at the start"
        return ""

    def failure(self, row: dict[str, Any], limits: Any, step: int, time: float) -> str:
        """Why the run has failed by its numbers, or ""."""
        if not math.isfinite(row["energy"]):
            return f"the energy is {row['energy']} after step {step} at time {time:g}; use a shorter step"
        for name in ("energy_error", "charge_residual"):
            limit, found = getattr(limits, name), row.get(name)
            if limit is not None and found is not None and abs(found) > limit:
                return (
                    f"the {name.replace('_', ' ')} {found:.3e} after step {step} at time {time:g} is beyond "
                    f"[limits] {name} = {limit:g}; use a shorter step, finer cells or more particles"
                )
        return ""

    def _energies(self, state: Any) -> dict[str, Any]:
        parts, lag = self.parts, momentum_lag(self.job)
        field = self._field_energies()
        if lag:
            parts.kick(lag, state.time)
        sums = {name: each.sums() for name, each in parts.species.items()}
        if lag:
            parts.kick(-lag, state.time)
        local = [
            [
                each.count,
                self._absorbed(name),
                sums[name]["energy"],
                *sums[name]["momentum"],
                sums[name]["weight"],
            ]
            for name, each in parts.species.items()
        ]
        totals = self.communicator.allreduce(np.array(local), "sum")
        row: dict[str, Any] = dict(field)
        energy = sum(float(np.sum(values)) for values in field.values())
        for name, total in zip(parts.species, totals, strict=True):
            row[f"kinetic_{name}"] = float(total[2])
            row[f"momentum_{name}"] = total[3:6]
            row[f"particles_{name}"] = round(total[0] + total[1])
            row[f"absorbed_{name}"] = round(total[1])
            row[f"weight_{name}"] = float(total[6])
            energy += float(total[2])
        row["momentum"] = totals[:, 3:6].sum(axis=0)
        row["energy"] = energy
        return row

    def _field_energies(self) -> dict[str, np.ndarray]:
        """Of the three components each, summed over the ranks."""
        field = self.parts.field
        if self.parts.is_electromagnetic:
            return {f"{name}_energy": np.asarray(value) for name, value in field.energy().items()}
        return {"electric_energy": self.communicator.allreduce(field.energy(), "sum")}

    def _residual(self) -> float:
        """max|ε0 ∇·E - ρ| over the charge densities of the species, of which ρ may be a small difference."""
        blocks, densities = self.parts.blocks, self.parts.deposited_by_species()
        rho = sum(densities) + self.memory["background"]
        largest = np.array([np.max(np.abs(blocks.backend.host(d)[blocks.nodes])) for d in (rho, *densities)])
        largest = self.communicator.allreduce(largest, "max")
        share = float(largest[0] / (np.sum(largest[1:]) or 1.0))
        return float(self.parts.field.gauss_residual(rho)) * share

    def _modes(self) -> dict[str, np.ndarray]:
        """Real and imaginary part of each amplitude."""
        if not self.modes:
            return {}
        backend = self.parts.blocks.backend
        fields = {name: backend.host(getattr(self.parts.field, name)) for name, _ in self.modes.values()}
        local = np.array([mode.local(fields[name]) for name, mode in self.modes.values()])
        total = self.communicator.allreduce(np.stack([local.real, local.imag], axis=1), "sum")
        return dict(zip(self.modes, total, strict=True))

    def remembered(self) -> dict[str, Any]:
        """What a checkpoint keeps: references, largest errors, and what sides have absorbed.  Collective."""
        own = np.array([self._absorbed(name) for name in self.parts.species], dtype=np.int64)
        total = self.communicator.allreduce(own, "sum")
        return self.memory | {"absorbed": dict(zip(self.parts.species, total.tolist(), strict=True))}

    def _absorbed(self, name: str) -> int:
        losses = self.parts.species[name].boundary_losses
        return self._before.get(name, 0) + sum(face["count"] for face in losses.values())
