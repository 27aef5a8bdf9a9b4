"""Energy and virial of the field as scalars of the state, and the pressure made of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from hpcphys.compiler.state import State
from hpcphys.physics.liquids.setting import Setting

COMPONENTS = ("xx", "yy", "zz", "yx", "zx", "zy")
"""Of a lower triangular tensor."""
TENSOR = tuple(a + b for a in "xyz" for b in "xyz")
ENERGY = "totals.energy"


class TotalsField:
    """A field whose totals are kept in scalars of the state, so that a restart finds those of its forces.

    field: with `request_totals`, and `totals()` -> {"energy", "virial" (3, 3): sum of x F} and perhaps
        "tail_energy" and "tail_virial", the corrections for what lies beyond the cutoff
    Scalars: "totals.energy", "totals.virial.xx", "totals.virial.xy" ... "totals.virial.zz".
    idle: set before an evaluation at positions that have not changed: it is skipped.
    completed: called with the state after each evaluation
    """

    native_offer = None  # the flows of barostats look at the scalars after each evaluation

    def __init__(self, field: Any):
        self._field = field
        field.request_totals = True
        self.name, self.layout = field.name, getattr(field, "layout", None)
        self.reads, self.writes = frozenset(field.reads), frozenset(field.writes)
        self.optional = frozenset(field.optional)
        self.idle = False
        self.completed: list[Callable[[State], None]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._field, name)

    def evaluate(self, state: State, outputs: frozenset[str] = frozenset()) -> None:
        """Evaluate the field and keep its totals."""
        idle, self.idle = self.idle, False
        if idle and not outputs:
            return
        self._field.evaluate(state, outputs)
        keep_totals(state, self._field.totals())
        for complete in self.completed:
            complete(state)

    def describe(self) -> str:
        return self._field.describe()


def keep_totals(state: State, totals: dict[str, Any]) -> None:
    """Put energy and virial, with the corrections for what lies beyond the cutoff, into scalars."""
    virial = np.asarray(totals["virial"] + totals.get("tail_virial", 0.0), dtype=np.float64).ravel()
    state.scalars[ENERGY] = float(totals["energy"] + totals.get("tail_energy", 0.0))
    state.scalars.update({f"totals.virial.{name}": float(w) for name, w in zip(TENSOR, virial, strict=True)})


def kept_virial(state: State) -> np.ndarray:
    """(3, 3) virial of the last evaluation.  Raises KeyError where none was kept."""
    return np.array([state.scalars[f"totals.virial.{name}"] for name in TENSOR]).reshape(3, 3)


def pressure_tensor(state: State, setting: Setting, volume: float) -> np.ndarray:
    """(sum m v v + virial)/V of the atoms, or with constraints of the molecules' centres [energy/volume].

    The pressure of the centres of mass has the same mean as that of the atoms, and needs no constraint
    forces:  virial of the centres = virial - sum (x_i - X_molecule) F_i.
    Source: Akkermans & Ciccotti (2004) J. Phys. Chem. B 108, 6866 (their equality).
    """
    return (kinetic_of_centres(state, setting) + virial_of_centres(state, setting)) / volume


def kinetic_of_centres(state: State, setting: Setting) -> np.ndarray:
    """(3, 3) sum m v v over what a barostat scales: atoms, or with constraints molecules' centres."""
    if setting.constraints is None:
        return setting.motion.kinetic_tensor(state)
    return setting.constraints.kinetic_tensor(state, setting.motion)


def virial_of_centres(state: State, setting: Setting) -> np.ndarray:
    """(3, 3) sum X F of the forces on what a barostat scales; of molecules' centres not symmetric."""
    virial = kept_virial(state)
    if setting.constraints is None:
        return virial
    return virial - setting.constraints.internal_virial(state, setting.motion)
