"""What is watched of a wavefunction: norm, energies, means, fluxes, regions, overlaps, exact errors."""

from __future__ import annotations

from typing import Any

import numpy as np

from hpcphys.compiler.expressions import TIME
from hpcphys.compiler.structures.wavefunction import WAVEFUNCTION
from hpcphys.physics.schrodinger import observables
from hpcphys.physics.schrodinger.flux import Plane
from hpcphys.physics.schrodinger.grid import AXES
from hpcphys.run.wavefunctions.assembly import evaluated
from hpcphys.run.wavefunctions.declaration import Declaration, numeric

CANCELLED = 1e-2
"""An energy below this share of its own parts counts as zero: its error is measured by the parts."""

START, REFERENCE = "start", "reference"
"""Arrays of the state that a run compares itself with; checkpoints hold them."""


class WaveWatch:
    """Rows of diagnostics.

    engine: of the run;  memory: of the checkpoint being resumed, or None
    """

    def __init__(
        self, job: Any, declaration: Declaration, engine: Any, communicator: Any, memory: dict | None
    ) -> None:
        self.job, self.declaration, self.engine = job, declaration, engine
        self.grid, self.communicator = engine.grid, communicator
        self.memory: dict = memory or {"norm_error": 0.0, "energy_error": 0.0, "exact": {}}
        self.conserves_norm = declaration.absorber is None and job.time.mode == "real"
        self.conserves_energy = self.conserves_norm and not declaration.is_driven
        self.planes = {
            name: Plane(engine, *next(iter(plane.items()))) for name, plane in job.observables.planes.items()
        }
        self.exact = {name: numeric(e, (TIME,)) for name, e in declaration.expectations.items()}

    def row(self, state: Any) -> dict[str, Any]:
        """One row; collective.  The first one becomes what errors are relative to."""
        row = {**self._energies(state), **self._means(state), **self._asked(state), **self._profiles(state)}
        memory = self.memory
        if "norm" not in memory:
            memory["norm"], memory["energy"] = row["norm"], row["energy"]
            parts = sum(abs(row[name]) for name in ("kinetic", "potential", "interaction") if name in row)
            cancelled = abs(row["energy"]) <= CANCELLED * parts
            memory["scale"] = (parts if cancelled else abs(row["energy"])) or 1.0
        if self.conserves_norm:
            row["norm_error"] = row["norm"] / memory["norm"] - 1.0
            memory["norm_error"] = max(memory["norm_error"], abs(row["norm_error"]))
        if self.conserves_energy:
            row["energy_error"] = (row["energy"] - memory["energy"]) / memory["scale"]
            memory["energy_error"] = max(memory["energy_error"], abs(row["energy_error"]))
        self._compare(row, state)
        return row

    def failure(self, row: dict[str, Any], limits: Any, step: int, time: float) -> str:
        """Why the run has failed by its norm or energy, or ""."""
        for name, what in (("norm", row["norm"]), ("energy", row["energy"])):
            if not np.isfinite(what):
                return f"the {name} is {what} after step {step} at time {time:g}; use a shorter step"
        for name in ("norm_error", "energy_error"):
            limit, error = getattr(limits, name), row.get(name)
            if limit is not None and error is not None and abs(error) > limit:
                return (
                    f"the {name.replace('_', ' ')} {error:.3e} after step {step} at time {time:g} is beyond "
                    f"[limits] {name} = {limit:g}; use a shorter step or a composition of higher order"
                )
        return ""

    def _energies(self, state: Any) -> dict[str, float]:
        energy = observables.energy(state, self.engine)
        row = {
            "norm": observables.norm(state, self.engine), "energy": energy.total,
            "kinetic": energy.kinetic, "potential": energy.potential,
        }  # fmt: skip
        if self.job.wave.nonlinearity:
            row["interaction"] = energy.interaction
            row["chemical_potential"] = (energy.total + energy.interaction) / row["norm"]
        return row

    def _means(self, state: Any) -> dict[str, float]:
        row: dict[str, float] = {}
        for name, found in (
            ("position", observables.position(state, self.engine)),
            ("momentum", observables.momentum(state, self.engine)),
        ):
            for axis, mean, variance in zip(AXES, *found, strict=False):
                row[f"{name}_{axis}"] = float(mean)
                row[f"{name}_width_{axis}"] = float(np.sqrt(max(variance, 0.0)))
        return row

    def _asked(self, state: Any) -> dict[str, Any]:
        """Fluxes, regions and overlaps of [observables]."""
        table = self.job.observables
        row: dict[str, Any] = {}
        for name, plane in self.planes.items():
            row[f"flux_{name}"] = self._flux(state, plane)
        for name, region in table.regions.items():
            ends = {axis: (lower, upper) for axis, (lower, upper) in region.items()}
            row[f"probability_{name}"] = observables.probability(state, self.engine, ends)
        if table.autocorrelation:
            overlap = observables.overlap(state, state[START], self.engine)
            row["autocorrelation"] = np.array([overlap.real, overlap.imag])
        if table.reference is not None:
            overlap = observables.overlap(state, state[REFERENCE], self.engine)
            row["overlap"] = abs(overlap) ** 2
        return row

    def _flux(self, state: Any, plane: Plane) -> float:
        """∫ Im(ψ* ∂ψ)/m - qA|ψ|²/m over a plane: flux.flux, with the plane's weights made once."""
        psi, slope = plane.values(state)
        shift = self.engine.vector_potential.uniform_at(plane.axis, state.time)
        current = (psi.conj() * slope).imag - shift * (psi.real**2 + psi.imag**2)
        return float(plane.integral(current)) / plane.mass

    def _profiles(self, state: Any) -> dict[str, np.ndarray]:
        """∫|ψ|² over the other axes, along each axis, at evenly spread points."""
        wanted = self.job.observables.profiles
        if not wanted:
            return {}
        psi, grid = self.engine.backend.host(state[WAVEFUNCTION]), self.grid
        density = psi.real.astype(float) ** 2 + psi.imag.astype(float) ** 2
        row = {}
        for axis, label in enumerate(self.declaration.axes):
            others = tuple(a for a in range(grid.dimension) if a != axis)
            line = density.sum(axis=others) * (grid.volume_element / grid.spacing[axis])
            if axis == 0:
                line = np.concatenate(self.communicator.allgather(line))
            else:
                line = self.communicator.allreduce(line, "sum")
            row[f"profile_{label}"] = line[profile_points(grid.points[axis], wanted)]
        return row

    def _compare(self, row: dict[str, Any], state: Any) -> None:
        """Errors against exact results: the largest so far, in imaginary time the last."""
        known = self.memory["exact"]
        largest = {} if self.job.time.mode == "imaginary" else known
        if self.declaration.exact_wave is not None:
            exact = evaluated(self.declaration.exact_wave, self.declaration, self.grid, state.time)
            away = self.engine.backend.host(state[WAVEFUNCTION]) - exact
            square = float(np.sum(away.real**2 + away.imag**2)) * self.grid.volume_element
            row["wave_error"] = float(np.sqrt(self.communicator.allreduce(square, "sum")))
            known["wave"] = max(largest.get("wave", 0.0), row["wave_error"])
        for name, function in self.exact.items():
            row[f"exact_{name}"] = float(function(state.time))
            known[name] = max(largest.get(name, 0.0), abs(row[name] - row[f"exact_{name}"]))


def profile_points(count: int, wanted: int) -> np.ndarray:
    """Indices of at most `wanted` evenly spread points out of `count`."""
    return np.arange(0, count, -(-count // wanted))
