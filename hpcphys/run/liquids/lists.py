"""Pair forces whose list of neighbours a checkpoint can bring back."""

from __future__ import annotations

from typing import Any

from hpcphys.forces.pairs import PairForces

LISTED = "listed"
"""Array of the state: the positions at which the present list was made."""
BOX = "box."
LISTED_BOX = "listed.box."


class ListedPairs(PairForces):
    """Pair forces that keep in the state where their list was made, so that a resumed run makes the same one.

    The order of pairs in a list, and with it the last bits of the forces, follows from the positions when it
    was made: 24 bytes per atom buy a continuation that is the uninterrupted run bit for bit.

    rebuild_every: evaluations after which a list is made anew, and not before (LAMMPS: every N check no),
        from `keep_schedule` on; None: as soon as some atom has moved by half the buffer
    totals_known: the last evaluation was asked for energy and virial
    """

    def __init__(self, *given: Any, rebuild_every: int | None = None, **options: Any):
        self.rebuild_every = rebuild_every
        self.totals_known = False
        super().__init__(*given, **options)

    def evaluate(self, state: Any, outputs: Any = frozenset()) -> None:
        """As PairForces, with a new list when it is time."""
        if self.evaluations_left() == 0:
            dangerous = self.dangerous + self.moved_beyond_buffer()
            self.follow_box(state)
            self.rebuild(state)
            self.dangerous = dangerous
        super().evaluate(state, outputs)
        self.totals_known = self._have_totals

    def evaluated(self, state: Any, count: int, with_totals: bool, lists: Any = None) -> None:
        """As PairForces."""
        if lists is not None and lists[1]:
            self._keep_box(state)
        super().evaluated(state, count, with_totals, lists)
        self.totals_known = self._have_totals

    def kept_listed(self, state: Any) -> Any:
        """Where the positions of the present list are."""
        return state[LISTED]

    def evaluations_left(self) -> int | None:
        """Until a list is made anew in any case."""
        if self.checked or self.rebuild_every is None:
            return None
        return max(self.rebuild_every - self._since_build, 0)

    def keep_schedule(self) -> None:
        """Lists from now on as the job says; what came before the run (a minimisation) was watched."""
        self.check_lists(self.rebuild_every is None)

    def rebuild(self, state: Any) -> None:
        """A new list of the present positions, which the state then keeps.  Collective."""
        if LISTED in state:
            del state[LISTED]  # need not travel
        super().rebuild(state)
        state[LISTED] = state["position"].copy()
        if self.balance.moved and self.cells is not None:
            self.cells.remember(state.scalars)
        self._keep_box(state)

    def _keep_box(self, state: Any) -> None:
        """The box of the present list among the scalars."""
        for name in [name for name in state.scalars if name.startswith(LISTED_BOX)]:
            del state.scalars[name]
        state.scalars.update(
            {f"listed.{name}": value for name, value in state.scalars.items() if name.startswith(BOX)}
        )

    def restore(self, state: Any, memory: dict[str, int]) -> None:
        """Make the list that a checkpoint's state had, for whatever ranks there are now.  Collective.

        memory: what `memory` was then
        """
        if self.cells is not None:
            self.cells = self.cells.recalled(state.scalars)
        wanted, self.balance.wanted = self.balance.wanted, False
        present = {name: value for name, value in state.scalars.items() if name.startswith(BOX)}
        then = {
            name.removeprefix("listed."): value
            for name, value in state.scalars.items()
            if name.startswith(LISTED_BOX)
        }
        state["moved"] = state["position"]
        state["position"] = state[LISTED].copy()
        state.scalars.update(then)
        self.follow_box(state)
        self.rebuild(state)
        state["position"] = state["moved"]
        del state["moved"]
        state.scalars.update(present)
        self.follow_box(state)
        self.builds, self.dangerous, self._since_build = (
            int(memory[name]) for name in ("builds", "dangerous", "since_build")
        )
        self.balance.wanted = wanted
        self.balance.moved, self.balance.next_look = int(memory["moved"]), int(memory["next_look"])
        self._displacement[0] = self.buffer if memory.get("beyond") else 0.0
        self.keep_schedule()
        self.totals_known = False

    @property
    def memory(self) -> dict[str, int]:
        """Counts of lists, and whether the present one is dangerous, for a checkpoint."""
        return {
            "builds": self.builds, "dangerous": self.dangerous, "since_build": self._since_build,
            "beyond": int(self.moved_beyond_buffer()), "moved": self.balance.moved,
            "next_look": self.balance.next_look,
        }  # fmt: skip
