"""What moves all atoms of this rank without their neighbours, and sums over the atoms of all ranks."""

from __future__ import annotations

from typing import Any

import numpy as np

from hpcphys.compiler.flows.noise import SEED
from hpcphys.compiler.fused.calls import DRAWN, STEP, NativeCall, Offer
from hpcphys.compiler.state import State

SUMMED = 1024
"""Rows of one partial sum in kernels/md_flows.h."""

_FORCES = {"float64": "64", "float32": "32"}


class Motion:
    """The kernels of kernels/md_flows.h and md_noise.h on the arrays of a state.

    backend: kernel runtime;  communicator: of the ranks that share the atoms (allreduce, sum_reproducible)
    reproducible: sums are the same bit for bit for every number of ranks and every order of the rows
    """

    def __init__(self, backend: Any, communicator: Any, reproducible: bool = False):
        self.backend, self.communicator, self.reproducible = backend, communicator, bool(reproducible)
        self._flows = backend.module("md_flows")
        self._noise = backend.module("md_noise")

    # -- flows ----------------------------------------------------------------------------------------

    def kick(self, state: State, dt: float) -> None:
        """v <- v + dt F/m.  The exact flow of the potential energy."""
        self._flows.launch(
            "kick" + _kind(state["force"]),
            state.count,
            state["velocity"],
            state["force"],
            state["mass"],
            float(dt),
        )

    def drift(self, state: State, dt: float) -> None:
        """x <- x + dt v.  The exact flow of the kinetic energy."""
        self._flows.launch("drift", state.count, state["position"], state["velocity"], float(dt))

    # -- the same as native calls (compiler.fused.calls) ------------------------------------------------

    @property
    def is_native(self) -> bool:
        """Whether flows can be offered to native loops: on the CPU."""
        return self.backend.name == "cpu"

    def offered_kick(self, state: State, dt: float) -> Offer | None:
        """`kick`; joined to a drift behind it in one pass over the memory."""
        if not self.is_native:
            return None
        kind = _kind(state["force"])
        arrays = (state["velocity"], state["force"], state["mass"])

        def with_drift(drift: NativeCall) -> NativeCall:
            both = (state.count, arrays[0], drift.arguments[1], *arrays[1:], float(dt), drift.arguments[-1])
            return NativeCall(self._flows, "kick_drift" + kind, both)

        given = (state.count, *arrays, float(dt))
        return Offer((NativeCall(self._flows, "kick" + kind, given, joins={"drift": with_drift}),))

    def offered_drift(self, state: State, dt: float) -> Offer | None:
        """`drift`."""
        if not self.is_native:
            return None
        given = (state.count, state["position"], state["velocity"], float(dt))
        return Offer((NativeCall(self._flows, "drift", given),))

    def noise_call(self, state: State, decay: float, spread: float, heat: Any = None) -> NativeCall:
        """`ornstein_uhlenbeck`."""
        arrays = (state["velocity"], state["mass"], state["id"])
        seed = int(state.scalars.get(SEED, 0))
        given = (state.count, *arrays, seed, STEP, DRAWN, float(decay), float(spread), heat)
        return NativeCall(self._noise, "ornstein_uhlenbeck", given, draws=2)

    def energy_call(self, state: State, heat: Any, sign: float) -> NativeCall:
        """`add_energy`."""
        given = (state.count, state["velocity"], state["mass"], float(sign), heat)
        return NativeCall(self._flows, "add_energy", given)

    def scale(self, array: Any, factor: float) -> None:
        """y <- factor y."""
        self._flows.launch("scale", int(array.size), array, float(factor))

    def scale_groups(self, array: Any, group: Any, factors: np.ndarray) -> None:
        """y_i <- factors[group_i] y_i.  group: (n,) int32."""
        given = self.backend.array(factors, dtype=np.float64)
        self._flows.launch("scale_groups", int(array.shape[0]), array, group, given)

    def transform(self, array: Any, matrix: np.ndarray, origin: Any = (0.0, 0.0, 0.0)) -> None:
        """y <- origin + M (y - origin) for each row."""
        given, about = (self.backend.array(a, dtype=np.float64) for a in (np.ravel(matrix), origin))
        self._flows.launch("transform", int(array.shape[0]), array, given, about)

    def affine(self, array: Any, own: np.ndarray, source: Any, other: np.ndarray, mass: Any = None) -> None:
        """y <- M y + N x/m for each row;  own, other: M and N (3, 3);  mass: (n,), or None for 1."""
        matrices = self.backend.array(np.concatenate([np.ravel(own), np.ravel(other)]), dtype=np.float64)
        self._flows.launch("affine" + _kind(source), int(array.shape[0]), array, source, mass, matrices)

    def ornstein_uhlenbeck(self, state: State, decay: float, spread: float, heat: Any = None) -> None:
        """v <- decay v + spread/√m xi with normal variates of (seed; id, step, draw).

        heat: (n,) or None; += the change of each atom's kinetic energy
        """
        self._noise.launch(
            "ornstein_uhlenbeck",
            state.count,
            state["velocity"],
            state["mass"],
            state["id"],
            int(state.scalars.get(SEED, 0)),
            state.step,
            state.blocks_drawn,
            float(decay),
            float(spread),
            heat,
        )
        state.blocks_drawn += 2

    def add_energy(self, state: State, heat: Any, sign: float) -> None:
        """heat_i <- heat_i + sign m v²/2."""
        self._flows.launch("add_energy", state.count, state["velocity"], state["mass"], float(sign), heat)

    # -- sums over all atoms --------------------------------------------------------------------------

    def total(self, rows: Any) -> Any:
        """The sum over the rows of all ranks: of (n,) a float, of (n, k) an array (k,)."""
        host = self.backend.host(rows)
        if self.reproducible:
            return self.communicator.sum_reproducible(host)
        found = self.communicator.allreduce(np.atleast_1d(host.sum(axis=0)), "sum")
        return float(found[0]) if host.ndim == 1 else found

    def kinetic_tensor(self, state: State) -> np.ndarray:
        """(3, 3) sum m v v over all atoms [energy]: twice the kinetic energy on the diagonal's sum."""
        n = state.count
        if self.reproducible:
            rows = self.backend.empty((n, 6))
            self._flows.launch("tensor_rows", n, state["velocity"], state["mass"], rows)
        else:
            blocks = -(-n // SUMMED)
            rows = self.backend.empty((blocks, 6))
            self._flows.launch("tensor_blocks", blocks, n, state["velocity"], state["mass"], rows)
        xx, yy, zz, yx, zx, zy = self.total(rows)
        return np.array([[xx, yx, zx], [yx, yy, zy], [zx, zy, zz]])

    def kinetic_energy(self, state: State) -> float:
        """sum m v²/2 over all atoms [energy]."""
        return 0.5 * float(np.trace(self.kinetic_tensor(state)))

    def group_energies(self, state: State, group: Any, groups: int) -> np.ndarray:
        """(groups,) sum m v²/2 over the atoms of each group.  group: (n,) int32."""
        xp = self.backend.xp
        rows = 0.5 * state["mass"] * (state["velocity"] ** 2).sum(axis=1)
        if self.reproducible:
            return self.total(xp.where(group[:, None] == xp.arange(groups), rows[:, None], 0.0))
        found = xp.bincount(group, weights=rows, minlength=groups).astype(np.float64)  # of no rows: integers
        return self.communicator.allreduce(self.backend.host(found), "sum")

    def momentum(self, state: State) -> np.ndarray:
        """(3,) sum m v over all atoms."""
        return self.total(state["mass"][:, None] * state["velocity"])

    def count(self, state: State) -> int:
        """Number of atoms on all ranks."""
        return int(self.communicator.allreduce(state.count, "sum"))


def _kind(array: Any) -> str:
    """The suffix of the kernels that read arrays of this type."""
    kind = _FORCES.get(str(array.dtype))
    if kind is None:
        raise TypeError(f"the array read is {array.dtype}; allowed: float64, float32")
    return kind
