"""Many rigid molecules: SETTLE for three sites, SHAKE and RATTLE for any other, molecule by molecule."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from hpcphys.compiler.constraints.errors import ConstraintError
from hpcphys.compiler.fused.calls import NativeCall, Offer
from hpcphys.compiler.state import State
from hpcphys.physics.liquids.boxes import image_frame, known_box
from hpcphys.physics.liquids.groups import Centres, Group, groups_of
from hpcphys.physics.liquids.motion import Motion
from hpcphys.physics.liquids.pressure import COMPONENTS
from hpcphys.physics.liquids.templates import Template

START_TOLERANCE = 1e-8
"""Largest relative violation of a length, and of r.v = 0, that a run may begin with."""


BOX_SCALARS = tuple(f"box.{name}" for name in COMPONENTS)


class RigidMolecules(Centres):
    """|x_i - x_j| = d for the bonds of all molecules that match a template.

    templates: of the rigid molecules.  A molecule is what has one number in the state's array "molecule" (an
        atom with a negative number is one by itself); its atoms in the order of their ids must have the
        types of the template.  Others stay as they are.
    tolerance: relative, of lengths (SETTLE is exact), and of r.v against length times fastest speed
    account: keep the impulses' virial, for the pressure of atoms (costs memory traffic)
    All atoms of a molecule lie on this rank (Cells(molecules=True)), and differences are nearest images.
    After an exchange the rows are found anew, by the field's count of builds, or else by the ids.

    Guarantees: the geodesic drift (drift, then SHAKE along the bonds before it) is symplectic and reversible;
    BAOAB becomes g-BAOAB.  Barostats move centres of mass and keep shapes: molecular scaling.  Impulses are
    equal and opposite.
    Sources: Ryckaert, Ciccotti & Berendsen (1977) J. Comput. Phys. 23, 327; Andersen (1983) J. Comput. Phys.
    52, 24; Miyamoto & Kollman (1992) J. Comput. Chem. 13, 952; Leimkuhler & Matthews (2016) Proc. R. Soc. A
    472, 20160138.
    """

    project_every = 1
    positions, momenta = frozenset({"position"}), frozenset({"velocity"})
    parameters = frozenset({"mass"})
    # The positions before a drift are those after it less dt v: nothing needs to be remembered.
    reference: frozenset[str] = frozenset()

    def __init__(
        self,
        templates: Sequence[Template],
        *,
        tolerance: float = 1e-12,
        max_iterations: int = 200,
        account: bool = False,
    ):
        if not templates:
            raise ConstraintError("no template of a rigid molecule is given; at least one is needed")
        self.templates = tuple(templates)
        self.tolerance, self.max_iterations = float(tolerance), int(max_iterations)
        self.account = bool(account)
        self._gone = np.zeros((3, 3))
        self._bonds = 0
        self._edges: tuple[Any, ...] = ()
        self._image_frame: Any = None
        super().__init__()

    def bind(self, state: State, field: Any, motion: Motion) -> int:
        """Find the molecules; returns the number of constraints on all ranks.  Collective.

        Raises ConstraintError without the array molecule, or if no molecule matches a template.
        """
        self._field, self._motion, self._edges = field, motion, ()
        if hasattr(field, "rows_are_known"):
            field.rows_are_known = True
        missing = [name for name in ("molecule", "type") if name not in state]
        if missing:
            raise ConstraintError(f"rigid molecules need the state's array {missing[0]}")
        own = sum(len(group.template.bonds) * group.count for group in self.groups(state) if group.template)
        self._bonds = int(motion.communicator.allreduce(own, "sum"))
        if not self._bonds:
            raise ConstraintError(
                "no molecule has the types of a template: "
                + "; ".join(str(template.types) for template in self.templates)
            )
        return self._bonds

    @property
    def count(self) -> int:
        """Number of constraints on all ranks."""
        return self._bonds

    def shares(self, state: State) -> np.ndarray:
        """(n,) degrees of freedom that constraints take from each atom: half of each bond's."""
        found = np.zeros(state.count)
        for group in self.groups(state):
            for bond in group.template.bonds if group.template else ():
                for atom in bond:
                    found[group.host_rows[:, atom]] += 0.5
        return found

    def describe(self) -> str:
        """One line for `explain`."""
        kinds = ", ".join(f"{len(t.bonds)} of {len(t.types)} atoms" for t in self.templates)
        return f"|x_i - x_j| = d for {self._bonds} bonds in molecules with {kinds}"

    def code(self, what: str) -> None:
        """Molecules have no flow in symbols."""
        return None

    # -- projections -------------------------------------------------------------------------------------

    def verify(self, state: State) -> None:
        """Raise ConstraintError, on every rank, unless lengths and r.v = 0 are met at the start."""
        worst, text = 0.0, ""
        fastest = float(
            np.sqrt((self._motion.backend.host(state["velocity"]) ** 2).sum(axis=1).max(initial=0))
        )
        for group in self.groups(state):
            for bond, wanted in (
                zip(group.template.bonds, group.template.lengths, strict=True) if group.template else ()
            ):
                r, v = self._bond_vectors(state, group, bond)
                length = np.linalg.norm(r, axis=1)
                stretch = np.abs((r * v).sum(axis=1)) / (length * max(fastest, 1e-300))
                for value, what, advice in (
                    (np.abs(length / wanted - 1.0), "length", "correct positions or template"),
                    (stretch, "speed along it", "call project_momenta(state) before the run"),
                ):
                    k = int(np.argmax(value)) if len(value) else -1
                    if k >= 0 and not value[k] <= max(worst, START_TOLERANCE):
                        i, j = (
                            int(self._motion.backend.host(state["id"])[group.host_rows[k, a]]) for a in bond
                        )
                        worst = float(value[k])
                        text = (
                            f"the bond of atoms with ids {i} and {j} has the length {length[k]:.12g}, wanted "
                            f"{wanted:.12g}: its {what} is off by {worst:.3g} relative at the start, allowed "
                            f"{START_TOLERANCE:.0e}; {advice}"
                        )
        self._agree(text)

    def _agree(self, text: str) -> None:
        """Raise ConstraintError on every rank if one has something to say."""
        ranks = self._motion.communicator
        speaker = ranks.allreduce(ranks.rank if text else -1, "max")
        if speaker >= 0:
            raise ConstraintError(ranks.bcast(text, speaker))

    def remember(self, state: State) -> None:
        """Nothing: the next SHAKE acts along the bonds before the drift, x - dt v."""

    def project_positions(self, state: State, dt: float) -> None:
        """SHAKE or SETTLE: x and v after a drift over dt.  Raises ConstraintError."""
        frame = self._frame(state)
        for group in self.groups(state):
            if group.settles:
                group.settle("positions", state, dt, frame, self.account)
                if group.failed[0]:
                    raise self._unsettled(group, state)
            elif group.template:
                arrays = (None, state["position"], state["velocity"], float(dt))
                self._launch("shake", group, state, arrays, frame)

    def project_momenta(self, state: State) -> None:
        """RATTLE: v without its part along the bonds.  Raises ConstraintError."""
        frame = self._frame(state)
        for group in self.groups(state):
            if group.settles:
                group.settle("momenta", state, 0.0, frame, self.account)
            elif group.template:
                self._launch("rattle", group, state, (state["position"], state["velocity"]), frame)

    def _arguments(self, group: Group, state: State, arrays: tuple[Any, ...], frame: Any) -> tuple[Any, ...]:
        """Of the kernels shake and rattle, whose own arrays are `arrays`."""
        kept = (group.impulses, group.virials) if self.account else (None, None)
        limits = (self.tolerance, self.max_iterations)
        given = (group.count, group.rows, group.lengths, state["mass"])
        return (*given, *arrays, *limits, *kept, group.status, frame)

    def _launch(self, kernel: str, group: Group, state: State, arrays: tuple[Any, ...], frame: Any) -> None:
        group.bonds.launch(kernel, *self._arguments(group, state, arrays, frame))
        if group.status.any():
            raise self._unmet(group, state)

    def native_offer(self, what: str, state: State, dt: float) -> Offer | None:
        """A projection as native calls: "reference", "positions" after a drift over dt, or "momenta"."""
        if not self._motion.is_native or getattr(self._field, "builds", None) is None:
            return None
        calls = [call for group in self.groups(state) for call in self._calls(group, what, state, dt)]

        def current() -> tuple[Any, ...]:
            return self._field.builds, *(state.scalars.get(name) for name in BOX_SCALARS)

        return Offer(tuple(calls), current(), current)

    def _calls(self, group: Group, what: str, state: State, dt: float) -> list[NativeCall]:
        """Of the molecules of a group: the projection, and the question whether it was found."""
        frame, x, v = self._frame(state), state["position"], state["velocity"]
        if what == "reference" or not group.template:
            return []
        if group.settles:
            kernel, arguments = group.settling(what, x, v, dt, frame, self.account)
            call = NativeCall(group.settle_module, kernel, arguments)
            if what == "momenta":
                return [call]
            return [call, self._asked(group.failed, lambda: self._unsettled(group, state))]
        own = (None, x, v, float(dt)) if what == "positions" else (x, v)
        kernel = "shake" if what == "positions" else "rattle"
        call = NativeCall(group.bonds, kernel, self._arguments(group, state, own, frame))
        return [call, self._asked(group.status, lambda: self._unmet(group, state))]

    def _asked(self, status: Any, failure: Callable[[], Exception]) -> NativeCall:
        """The call that ends the loop if a number of `status` is not 0."""
        module = self._motion.backend.module("native_calls")
        return NativeCall(module, "first_set", (len(status), status), failure=failure)

    def _unmet(self, group: Group, state: State) -> ConstraintError:
        status = self._motion.backend.host(group.status).copy()
        group.status[...] = 0
        molecule = int(np.flatnonzero(status)[0])
        redundant = status[molecule] >= 1_000_000
        bond = int(status[molecule]) - (1_000_000 if redundant else 1)
        ids = [int(self._motion.backend.host(state["id"])[row]) for row in group.host_rows[molecule]]
        i, j = group.template.bonds[bond]
        if redundant:
            return ConstraintError(
                f"the bond of atoms with ids {ids[i]} and {ids[j]} is redundant; leave it out"
            )
        r, _ = self._bond_vectors(state, group, (i, j))
        return ConstraintError(
            f"the bond of atoms with ids {ids[i]} and {ids[j]} cannot be met in {self.max_iterations} "
            f"iterations: length found {np.linalg.norm(r[molecule]):.9g}, wanted "
            f"{group.template.lengths[bond]:.9g} within {self.tolerance:.0e}; shorten the step"
        )

    def _unsettled(self, group: Group, state: State) -> ConstraintError:
        molecule = int(group.failed[0]) - 1
        group.failed[...] = 0
        ids = [int(self._motion.backend.host(state["id"])[row]) for row in group.host_rows[molecule]]
        return ConstraintError(
            f"the molecule of atoms with ids {', '.join(map(str, ids))} cannot be settled: it turned too "
            "far in one step, or a position is not finite; shorten the step"
        )

    def _bond_vectors(
        self, state: State, group: Group, bond: tuple[int, int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """(molecules, 3) x_i - x_j, nearest images, and v_i - v_j."""
        x, v = (self._motion.backend.host(state[name]) for name in ("position", "velocity"))
        i, j = (group.host_rows[:, atom] for atom in bond)
        box = known_box(state, self._field)
        return (x[i] - x[j] if box is None else box.nearest(x[i] - x[j])), v[i] - v[j]

    def _frame(self, state: State) -> Any:
        """The box for the kernels; made anew where its scalars have changed."""
        edges = tuple(state.scalars.get(name) for name in BOX_SCALARS)
        if edges != self._edges:
            self._image_frame = image_frame(known_box(state, self._field), self._motion.backend)
            self._edges = edges
        return self._image_frame

    # -- rows, and what is reported ----------------------------------------------------------------------

    def groups(self, state: State) -> list[Group]:
        """The molecules on this rank, by template; rows are found anew where they have changed."""
        if self._stale(state):
            self._gone += self._virial_of_groups()
            self._groups = groups_of(state, self.templates, self._motion)
        return self._groups

    def _virial_of_groups(self) -> np.ndarray:
        found = np.zeros((3, 3))
        for group in self._groups if self.account else ():
            xx, yy, zz, xy, xz, yz = self._motion.backend.host(group.virials).sum(axis=0)
            found += np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
        return found

    def reset_virial(self) -> None:
        """Begin a new interval for `virial`."""
        self._gone[...] = 0.0
        for group in self._groups:
            group.virials[...] = 0.0

    def virial(self) -> np.ndarray:
        """(3, 3) sum over all ranks of r x impulse since the last reset [energy·time]; needs account=True.

        Divided by the time gone by it is the mean of sum r F of the constraints' forces, which the pressure
        tensor of the atoms needs.  Collective.
        """
        if not self.account:
            raise ValueError("the constraints' virial is not kept; make RigidMolecules(..., account=True)")
        return self._motion.communicator.allreduce(self._gone + self._virial_of_groups(), "sum")
