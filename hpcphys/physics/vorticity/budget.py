"""Budgets of energy and enstrophy that close: what came in, what was dissipated, what is left unexplained.

    E(t) = E(0) + ∫ I dt - ∫ D dt + residual

I is measured where the forcing acts, its product with the flow included; D is evaluated every few steps and
integrated by the trapezoidal rule. The residual is the error of the integration in time (and of nothing else:
truncation neither makes nor destroys energy).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

QUANTITIES = ("energy", "enstrophy")
SINKS = ("viscous", "drag")


class Budget:
    """Integrals over the run so far.

    memory: of the checkpoint that is resumed, or None.  All numbers are the same on all ranks.
    """

    def __init__(self, memory: dict[str, Any] | None = None):
        self.memory: dict[str, Any] = memory or {}

    def start(self, now: Mapping[str, float]) -> None:
        """The first state: its energy and enstrophy, and its rates of dissipation."""
        self.memory |= {"pending": 0.0}
        for name in QUANTITIES:
            self.memory |= {f"{name}_start": now[name], f"{name}_injected": 0.0}
            self.memory |= {f"{name}_{sink}": 0.0 for sink in SINKS}
        self._remember(now)

    def injected(self, energy: float, enstrophy: float) -> None:
        """What the forcing has added since the start."""
        for name, amount in zip(QUANTITIES, (energy, enstrophy), strict=True):
            self.memory[f"{name}_injected"] = amount

    def wait(self, dt: float) -> None:
        """Time goes on without an evaluation."""
        self.memory["pending"] += dt

    def integrate(self, now: Mapping[str, float]) -> None:
        """The dissipation since the last evaluation, by the trapezoidal rule."""
        for key, amount in self._pending(now).items():
            self.memory[key] += amount
        self._remember(now)
        self.memory["pending"] = 0.0

    def row(self, now: Mapping[str, float]) -> dict[str, float]:
        """Columns of the diagnostics: integrals, and the residual relative to all that there was and came.

        energy_injected, energy_dissipated_viscous, energy_dissipated_drag: integrals since the start
        energy_error: (E - E(0) - injected + dissipated)/(E(0) + injected); likewise of the enstrophy
        Looking changes nothing: how often one looks does not matter for what comes later.
        """
        memory, pending, found = self.memory, self._pending(now), {}
        for name in QUANTITIES:
            lost = {sink: memory[f"{name}_{sink}"] + pending[f"{name}_{sink}"] for sink in SINKS}
            came = memory[f"{name}_injected"]
            residual = now[name] - memory[f"{name}_start"] - came + sum(lost.values())
            scale = memory[f"{name}_start"] + abs(came)
            found[f"{name}_injected"] = came
            found |= {f"{name}_dissipated_{sink}": amount for sink, amount in lost.items()}
            found[f"{name}_error"] = residual / scale if scale > 0.0 else residual
        return found

    def _pending(self, now: Mapping[str, float]) -> dict[str, float]:
        """What was dissipated since the last evaluation."""
        half, found = 0.5 * self.memory["pending"], {}
        for name in QUANTITIES:
            for sink in SINKS:
                key = f"{name}_{sink}_dissipation"
                found[f"{name}_{sink}"] = half * (self.memory[key] + now[key])
        return found

    def _remember(self, now: Mapping[str, float]) -> None:
        for name in QUANTITIES:
            for sink in SINKS:
                self.memory[f"{name}_{sink}_dissipation"] = now[f"{name}_{sink}_dissipation"]
