"""Molecules of this rank gathered by template, and their centres of mass."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from hpcphys.compiler.constraints.errors import ConstraintError
from hpcphys.compiler.state import State
from hpcphys.physics.liquids.boxes import image_frame, known_box
from hpcphys.physics.liquids.motion import Motion
from hpcphys.physics.liquids.templates import Template

LARGEST_MATRIX = 8
"""Most bonds that kernels/constraints.h solves as a full matrix."""


class Group:
    """All molecules of this rank that match one template, or have one number of atoms and match none.

    rows: (molecules, atoms) int32 rows of the state
    """

    def __init__(self, template: Template | None, rows: np.ndarray, masses: np.ndarray, motion: Motion):
        backend = motion.backend
        self.template, self.host_rows, self.count = template, rows, len(rows)
        self.atoms = rows.shape[1]
        self.rows = backend.array(rows)
        self.settles = False
        if template is None:
            return
        self.virials = backend.zeros((self.count, 6))
        self.settles = template.is_triangle and masses[1] == masses[2]
        if self.settles:
            self._prepare_settle(template, masses, backend)
            return
        bonds = len(template.bonds)
        defines: dict[str, int | str] = {
            "ATOMS": self.atoms,
            "BONDS": bonds,
            "PAIRS": ",".join(str(atom) for pair in template.bonds for atom in pair),
        }
        if template.is_chain and bonds > LARGEST_MATRIX:
            defines["CHAIN"] = 1
        self.bonds = backend.module("constraints", **defines)
        self.lengths = backend.array(np.tile(template.lengths, (self.count, 1)))
        self.impulses = backend.zeros((self.count, bonds))
        self.status = backend.zeros(self.count, dtype=np.int64)

    def _prepare_settle(self, template: Template, masses: np.ndarray, backend: Any) -> None:
        apex, other = float(masses[0]), float(masses[1])
        half = 0.5 * template.lengths[2]
        height = np.sqrt(template.lengths[0] ** 2 - half**2)
        above = 2.0 * other * height / (apex + 2.0 * other)
        self.settle_module = backend.module("md_settle")
        self._columns = backend.array(self.host_rows.T.copy())
        self._shape = backend.array(np.array([apex, other, above, height - above, half]))
        bonds = np.array([[-half, -height], [half, -height], [2.0 * half, 0.0]])
        # How the impulses on two bonds' atoms, (0, 1), (0, 2), (1, 2), change each other's relative velocity.
        a, b = 1.0 / apex, 1.0 / other
        coupling = np.array([[a + b, a, -b], [a, a + b, b], [-b, b, 2.0 * b]])
        self._inverse = backend.array(np.linalg.inv((bonds @ bonds.T) * coupling))
        self.failed = backend.zeros(1, dtype=np.int64)

    def settling(
        self, what: str, position: Any, velocity: Any, dt: float, frame: Any, account: bool
    ) -> tuple[str, tuple[Any, ...]]:
        """Kernel and arguments: "positions" onto the triangles along the bonds before a drift over dt, with
        the velocities, or "momenta": velocities along the three bonds to zero."""
        arrays, virials = (position, velocity), self.virials if account else None
        if what == "positions":
            given = (self._columns, self._shape, *arrays, float(dt), frame, virials, self.failed)
            return "settle", (self.count, *given)
        return "settle_velocities", (
            self.count,
            self._columns,
            self._shape,
            self._inverse,
            *arrays,
            frame,
            virials,
        )

    def settle(self, what: str, state: State, dt: float, frame: Any, account: bool) -> None:
        """Project "positions" or "momenta"; see `settling`."""
        kernel, arguments = self.settling(what, state["position"], state["velocity"], dt, frame, account)
        self.settle_module.launch(kernel, *arguments)


def groups_of(state: State, templates: Sequence[Template], motion: Motion) -> list[Group]:
    """The molecules of this rank: those of each template, then the others by number of atoms.

    Raises ConstraintError if molecules of one template have different masses.
    """
    host = motion.backend.host
    identity, kind, mass = (host(state[name]) for name in ("id", "type", "mass"))
    molecule = host(state["molecule"])
    molecule = np.where(molecule < 0, -1 - identity, molecule)
    # Ids usually count molecule by molecule: one sort instead of two.
    order = np.argsort(identity)
    if len(order) and np.any(np.diff(molecule[order]) < 0):
        order = np.lexsort((identity, molecule))
    heads = np.flatnonzero(np.diff(molecule[order], prepend=molecule[order[:1]] - 1))
    sizes = np.diff(heads, append=len(order))
    found = []
    for atoms in np.unique(sizes).tolist():
        rows = order[heads[sizes == atoms][:, None] + np.arange(atoms)].astype(np.int32)
        left = np.ones(len(rows), dtype=bool)
        for template in templates:
            if len(template.types) != atoms:
                continue
            match = left & (kind[rows] == np.array(template.types)).all(axis=1)
            left &= ~match
            if match.any():
                found.append(_group(template, rows[match], mass, identity, motion))
        if left.any():
            found.append(Group(None, rows[left], mass[:0], motion))
    return found


def _group(
    template: Template, rows: np.ndarray, mass: np.ndarray, identity: np.ndarray, motion: Motion
) -> Group:
    masses = mass[rows]
    different = np.flatnonzero((masses != masses[0]).any(axis=1))
    if len(different):
        first = rows[different[0]]
        raise ConstraintError(
            f"the molecule of atoms with ids {', '.join(str(identity[row]) for row in first)} has the masses "
            f"{mass[first].tolist()}, others of its template {masses[0].tolist()}; give it types of its own"
        )
    return Group(template, rows, masses[0], motion)


class Centres(ABC):
    """What a barostat moves where there are molecules: their centres of mass.

    The kinetic tensor, the virial and the flows are those of the centres; the molecules' shapes, orientations
    and their motion about the centres stay as they are.
    """

    def __init__(self) -> None:
        self._groups: list[Group] = []
        self._key: Any = None
        self._ids: np.ndarray | None = None
        self._field: Any = None
        self._motion: Motion

    def _stale(self, state: State) -> bool:
        """True if rows may have changed since the last call."""
        ids = state["id"]
        builds = getattr(self._field, "builds", None)
        if builds is not None:
            key = (builds, id(ids), state.count)
            stale, self._key = key != self._key, key
            return stale
        host = self._motion.backend.host(ids)
        if self._ids is not None and np.array_equal(host, self._ids):
            return False
        self._ids = host.copy()
        return True

    @abstractmethod
    def groups(self, state: State) -> list[Group]:
        """The molecules on this rank."""

    def centres(self, state: State) -> int:
        """Number of molecules on all ranks."""
        return int(self._motion.communicator.allreduce(sum(g.count for g in self.groups(state)), "sum"))

    def kinetic_tensor(self, state: State, motion: Motion) -> np.ndarray:
        """(3, 3) sum M V V over the molecules of all ranks."""
        arrays = (state["velocity"], state["mass"])
        xx, yy, zz, yx, zx, zy = self._summed("centre_tensors", 6, state, motion, arrays)
        return np.array([[xx, yx, zx], [yx, yy, zy], [zx, zy, zz]])

    def internal_virial(self, state: State, motion: Motion) -> np.ndarray:
        """(3, 3) sum (x_i - X) F_i over the molecules of all ranks; not symmetric."""
        kind = "64" if str(state["force"].dtype) == "float64" else "32"
        frame = image_frame(known_box(state, self._field), motion.backend)
        arrays = (state["position"], state["force"], state["mass"], frame)
        return self._summed("internal_virials" + kind, 9, state, motion, arrays).reshape(3, 3)

    def _summed(
        self, kernel: str, width: int, state: State, motion: Motion, arrays: tuple[Any, ...]
    ) -> np.ndarray:
        module, tables = motion.backend.module("md_molecules"), []
        for group in self.groups(state):
            tensors = motion.backend.empty((group.count, width))
            module.launch(kernel, group.count, group.atoms, group.rows, *arrays, tensors)
            tables.append(tensors)
        rows = motion.backend.xp.concatenate(tables) if tables else motion.backend.empty((0, width))
        return motion.total(rows)

    def move(
        self, state: State, motion: Motion, dt: float, own: Any, other: Any, frame: Any, images: Any
    ) -> None:
        """x_i <- x_i + dt v_i + (M - 1)(X - o) + (N - dt) V;  own, other: M, N;  see kernels
        md_molecules.h."""
        matrices = _less_identity(own, other, dt, motion)
        for group in self.groups(state):
            motion.backend.module("md_molecules").launch(
                "move_centres",
                group.count,
                group.atoms,
                group.rows,
                state["position"],
                state["velocity"],
                state["mass"],
                float(dt),
                matrices,
                frame,
                images,
            )

    def kick(self, state: State, motion: Motion, dt: float, own: Any, other: Any) -> None:
        """v_i <- v_i + dt F_i/m_i + (M - 1) V + (N - dt) F/M of the molecule;  own, other: M, N."""
        kind = "64" if str(state["force"].dtype) == "float64" else "32"
        matrices = _less_identity(own, other, dt, motion)
        for group in self.groups(state):
            motion.backend.module("md_molecules").launch(
                "kick_molecules" + kind,
                group.count,
                group.atoms,
                group.rows,
                state["velocity"],
                state["force"],
                state["mass"],
                float(dt),
                matrices,
            )


def _less_identity(own: Any, other: Any, dt: float, motion: Motion) -> Any:
    p, q = np.asarray(own) - np.eye(3), np.asarray(other) - dt * np.eye(3)
    return motion.backend.array(np.concatenate([p.ravel(), q.ravel()]))
