"""The field of pair forces: lists of clusters with a buffer, rebuilt by displacement, on all ranks."""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Iterable
from typing import Any

import numpy as np

from hpcphys.decomposition.cells.box import ELEMENTS, Box
from hpcphys.decomposition.cells.halo import Halo
from hpcphys.decomposition.cells.layout import Cells
from hpcphys.decomposition.communicator import Communicator
from hpcphys.forces.pairs.balancing import Balance
from hpcphys.forces.pairs.checks import checked_box, exclusion_arrays
from hpcphys.forces.pairs.devices import DeviceSteps
from hpcphys.forces.pairs.errors import OverlapError
from hpcphys.forces.pairs.native import NativeSteps
from hpcphys.forces.pairs.potential import PairPotential
from hpcphys.kernels import backend as backend_named

REAL = {"mixed": np.float32, "double": np.float64}
INNER = 0.55  # part of the buffer that the pruned list keeps: the fastest of 0.3 … 0.8 (scaling/pairs.py)
BOX_NAMES = tuple(f"box.{name}" for name in (*ELEMENTS, "x0", "y0", "z0"))
FORCE_BITS, TOTAL_BITS = (
    40,
    34,
)  # binary places below the characteristic force, and energy, of fixed-point sums
REGIONS = 5.0  # cutoffs per region at least: single-precision offsets stay below four cutoffs or so


class PairForces:
    """F_i = -∂/∂x_i Σ_{i<j} E_ab(|x_i - x_j|), pairs nearer than the cutoff, images included.

    Rows of the state are put into the order of clusters at every build of the list, with all arrays of the
    state (and migrate between ranks, if there are `cells`).  Between builds rows keep their places and must
    not be wrapped into the box.  A list holds until some atom has moved by half the buffer.

    name, reads, writes, optional, layout: see hpcphys.compiler.system.Field; the output "totals" asks for
        energy and virial of that evaluation.  layout is None: the field itself brings rows where they belong.
    builds, dangerous: lists made, and those that held for a single evaluation (the buffer is too thin, or
        atoms move too far in a step).  No list is ever used beyond its buffer, unless it is not `checked`:
        then those are dangerous that were.

    precision "mixed": float32 pairs about local origins and float32 sums of each atom's pairs (some 1e-6 of
    the force), energies and virial in double; "double": all in double.  Deterministic for a number of threads
    and ranks; `reproducible`: the same bits for any number of both (double arithmetic on exact differences,
    fixed-point sums of 2^-40 of the potential's characteristic force).
    """

    name = "pairs"
    reads = frozenset({"position"})
    writes = frozenset({"force"})
    optional = frozenset({"totals"})
    layout = None

    def __init__(
        self,
        backend: Any,
        communicator: Communicator,
        box: Box,
        potential: PairPotential,
        *,
        cutoff: float,
        buffer: float,
        precision: str = "mixed",
        cells: Cells | None = None,
        reproducible: bool = False,
        exclusions: Any = None,
        inner: float | None = None,
        balance: bool = False,
    ):
        """cutoff, buffer [length]; cells: its reach must be cutoff + buffer (one rank needs none);
        exclusions: (m, 2) ids of pairs that do not meet, or a function that
        gives, at each build, those among the state's rows on this rank, pairs of one rank alone;
        inner: buffer of the pruned list [length];
        balance: planes between ranks' blocks move at builds so that all have the same work (balancing.py).

        Raises ValueError for a cutoff beyond half the smallest periodic width of the box, and other bad
        choices.
        """
        if precision not in REAL:
            raise ValueError(f"precision '{precision}' is unknown; choose mixed or double")
        if cells is None and communicator.size > 1:
            raise ValueError(
                f"{communicator.size} ranks share the atoms: give cells=Cells(box, communicator, reach=...)"
            )
        if cells is not None and abs(cells.reach - (cutoff + buffer)) > 1e-9 * cutoff:
            raise ValueError(f"cells reach {cells.reach:g}; cutoff + buffer = {cutoff + buffer:g} is needed")
        self.backend, self.communicator, self.potential, self.cells = backend, communicator, potential, cells
        self.cutoff, self.buffer = float(cutoff), float(buffer)
        self.inner = INNER * self.buffer if inner is None else float(inner)
        self.precision, self.reproducible = precision, bool(reproducible)
        if not 0 <= self.inner <= self.buffer:
            raise ValueError(f"inner = {self.inner:g}: must lie between 0 and the buffer {self.buffer:g}")
        self.real = np.float64 if reproducible else REAL[precision]
        self.box = checked_box(box, self.cutoff, self.buffer)
        self.request_totals = False
        self.rows_are_known = False  # somebody keeps numbers of rows, and looks at `builds` for new ones
        self._seen: tuple[Any, ...] = ()
        self.builds = self.dangerous = 0
        self.evaluations = 0
        self.halo: Halo | None = None
        self._exclusions_of = exclusions if callable(exclusions) else None
        self._exclusions = None if callable(exclusions) else exclusion_arrays(exclusions)
        self._since_build = 2
        self.checked = True
        self.balance = Balance(balance)
        self._totals = np.zeros(7, np.int64 if reproducible else np.float64)
        self._displacement = np.zeros(1)
        self._counts = np.zeros(potential.types, np.int64)
        self._have_totals = False
        self._make_engine()

    # -- what others call ----------------------------------------------------------------------------------

    def describe(self) -> str:
        """For `explain`."""
        sums = "fixed-point sums" if self.reproducible else f"{self.precision} precision"
        return (
            f"pairs within {self.cutoff:g}: {self.potential.describe()}; clusters of 4 × 8 atoms with buffer "
            f"{self.buffer:g}, pruned to {self.inner:g}; {sums}; kernels of pair_field.h"
        )

    def evaluate(self, state: Any, outputs: Iterable[str] = frozenset()) -> None:
        """Fill state["force"] (n, 3); a new list first if atoms have moved by half the buffer.  Collective.

        Raises OverlapError that names two atoms whose force is not a number, FloatingPointError for positions
        that are not finite.
        """
        with_totals = self.request_totals or "totals" in outputs
        self.follow_box(state)
        self._since_build += 1
        self.evaluations += 1
        if not self._steps.evaluate(state, with_totals):
            self.rebuild(state)
            self._steps.evaluate(state, with_totals)
        self._have_totals = with_totals

    def native_offer(self, state: Any) -> Any:
        """`evaluate` as a native call (compiler.fused.calls.Offer) that ends the loop where a new list is
        needed or an overlap is found; None on several ranks, on a device, and before the first list."""
        return self._steps.offer(state)

    def evaluated(self, state: Any, count: int, with_totals: bool, lists: np.ndarray | None = None) -> None:
        """Told that `evaluate` was done so often by native calls.

        lists: evaluations since the last list, lists made, dangerous ones; None: on the present list
        """
        self._since_build = self._since_build + count if lists is None else int(lists[0])
        self.evaluations += count
        self._have_totals = with_totals
        if lists is not None:
            self.builds += int(lists[1])
            self.dangerous += int(lists[2])
            lists[1:] = 0

    def kept_listed(self, state: Any) -> Any:
        """The array of the state that keeps the positions of the present list, or None."""
        return None

    def evaluations_left(self) -> int | None:
        """How many evaluations the present list is good for at most, wherever atoms move; None for any."""
        return None

    def rebuild(self, state: Any) -> None:
        """A new list of the present positions, rows in its order.  Collective."""
        if self._since_build <= 1 and self.builds:
            self.dangerous += 1
        self._since_build = 0
        self.balance.shared(self, state)
        self.builds += 1
        self.halo = None
        if self.cells is not None:
            self.cells.exchange(state)
        else:
            self._wrap(state)
        self._steps.sort(state)
        if self.cells is not None and self.communicator.size > 1:
            self.halo = Halo(self.cells, state["position"])
        if self._exclusions_of is not None:
            self._exclusions = exclusion_arrays(self._exclusions_of(state))
        self._steps.build(state)
        own = np.zeros(self.potential.types, np.int64)
        if self.potential.types > 1:
            found = np.bincount(self.backend.host(state["type"]), minlength=self.potential.types)
            if len(found) > self.potential.types:
                raise ValueError(
                    f"types up to {len(found) - 1}; the potential knows 0 to {self.potential.types - 1}"
                )
            own[:] = found
        else:
            own[0] = len(state["position"])
        self._counts = self.communicator.allreduce(own)

    def check_lists(self, checked: bool) -> None:
        """Whether a list ends as soon as some atom has moved by half the buffer (as at the start), or holds
        until `rebuild` is called, and misses pairs once atoms have moved farther."""
        self.checked = bool(checked)
        self.host.host("pairs_checked", self.handle, int(self.checked))

    def list_holds(self) -> bool:
        """Whether the list may be used for the positions that were looked at last; false before the first."""
        displacement = float(self._displacement[0])
        return bool(np.isfinite(displacement)) and (not self.checked or 2 * displacement <= self.buffer)

    def moved_beyond_buffer(self) -> bool:
        """Whether some atom had moved by more than half the buffer when the list was used last."""
        return 2 * float(self._displacement[0]) > self.buffer

    def totals(self) -> dict[str, Any]:
        """Of the last evaluation that was asked for them: energy, virial (3, 3) = Σ_pairs F_ij ⊗ x_ij, and
        the corrections for what lies beyond the cutoff, tail_energy and tail_virial (3, 3).  Sums over
        all ranks; collective.

        U_tail = 1/2 Σ_ab N_a N_b/V ∫_{r_c}^∞ 4π r² E_ab dr,
        tr W_tail = 1/2 Σ_ab N_a N_b/V ∫ 4π r² (-r E'_ab) dr;
        the pressure is (2 K + tr W + tr W_tail)/3V.
        Raises RuntimeError if that evaluation was not asked for them.
        """
        if not self._have_totals:
            raise RuntimeError(
                'totals were not computed: evaluate(state, {"totals"}) or request_totals = True before it'
            )
        sums = self.communicator.allreduce(self._totals)
        if self.reproducible:
            sums = sums * self._unit_total
        energy, xx, yy, zz, xy, xz, yz = (float(x) for x in sums)
        tails = [
            0.5 * float(self._counts @ integral @ self._counts) / self.box.volume
            for integral in self.potential.tail(self.cutoff)
        ]
        return {
            "energy": energy,
            "virial": np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]),
            "tail_energy": tails[0],
            "tail_virial": np.eye(3) * (tails[1] / 3),
        }

    def statistics(self) -> dict[str, int]:
        """Of this rank: builds, prunings, entries, pairs of clusters listed and after pruning, masked ones,
        blocks of eight atoms, bytes held."""
        counts = np.zeros(8, np.int64)
        self.host.host("pairs_counts", self.handle, counts)
        names = ("builds", "prunings", "entries", "listed", "kept", "masked", "blocks", "bytes")
        return dict(zip(names, map(int, counts), strict=True))

    def native(self) -> dict[str, int]:
        """For native loops over steps, on one rank's CPU: `handle`, and the addresses of `pairs_step` and
        `pairs_rebuild` of kernels/pair_step.h.  A loop calls pairs_step; where that returns -2,
        pairs_rebuild with all arrays of the state, or `rebuild` here."""
        if self.backend.name != "cpu" or self.communicator.size > 1:
            raise ValueError("native loops over steps need backend cpu and one rank")
        library = self.host.library
        named = ("pairs_step", "pairs_rebuild")
        addresses = {name: ctypes.cast(library[name], ctypes.c_void_p).value for name in named}
        return {"handle": self.handle, **addresses}

    # -- the engine ----------------------------------------------------------------------------------------

    def _make_engine(self) -> None:
        real = "float" if self.real == np.float32 else "double"
        on_cpu = self.backend.name == "cpu"
        host_backend = self.backend if on_cpu else backend_named("cpu")
        self.host = self.potential.module(host_backend, real, self.reproducible)
        self.module = self.host if on_cpu else self.potential.module(self.backend, real, self.reproducible)
        energy, force = self.potential.characteristic(self.cutoff)
        self._unit_force = 2.0 ** (np.ceil(np.log2(force)) - FORCE_BITS)
        self._unit_total = 2.0 ** (np.ceil(np.log2(energy)) - TOTAL_BITS)
        # A power of two, so that differences of origins are exact in single precision.
        spacing = 2.0 ** np.ceil(np.log2(REGIONS * self.cutoff))
        self.handle = self.host.host(
            "pairs_new", self.cutoff, self.potential.switch_from or 0.0, self.buffer, self.inner, spacing,
            self.potential.types, self._unit_force, self._unit_total,
        )  # fmt: skip
        weakref.finalize(self, self.host.host, "pairs_free", self.handle)
        self.table = self.potential.table(self.cutoff).astype(self.real).ravel()
        self.data = (
            np.zeros(0, self.real) if self.potential.data is None else self.potential.data.astype(self.real)
        )
        self.host.host("pairs_table", self.handle, len(self.table), self.table, len(self.data), self.data)
        self._set_box()
        self._steps = DeviceSteps(self) if not on_cpu else NativeSteps(self)

    def _set_box(self) -> None:
        grid = (1, 1, 1) if self.cells is None else self.cells.grid
        wraps = [float(p and g == 1) for p, g in zip(self.box.periodic, grid, strict=True)]
        values = [
            *self.box.vectors.ravel(),
            *self.box.inverse.ravel(),
            *self.box.origin,
            *self.box.widths,
            *wraps,
        ]
        self.host.host("pairs_box", self.handle, np.array(values, dtype=np.float64))

    def box_numbers(self, state: Any) -> tuple[Any, ...]:
        """The scalars that hold the state's box, None for those that are not there."""
        scalars = getattr(state, "scalars", {})
        return tuple(map(scalars.get, BOX_NAMES))

    def follow_box(self, state: Any) -> None:
        """The box that the state's scalars hold, if they do and it is another than before."""
        numbers = self.box_numbers(state)
        if numbers == self._seen or numbers[0] is None:
            return
        self._seen = numbers
        box = Box.from_scalars(state, self.box.periodic)
        if np.array_equal(box.vectors, self.box.vectors) and np.array_equal(box.origin, self.box.origin):
            return
        self.box = checked_box(box, self.cutoff, self.buffer)
        if self.cells is not None:
            self.cells = self.cells.in_box(box)
        self._set_box()

    def _wrap(self, state: Any) -> None:
        image = state.get("image")
        be = self.backend
        position = be.host(state["position"])
        images = None if image is None else be.host(image)
        lost = self.host.host("pairs_wrap", self.handle, len(position), position, images)
        if lost:
            far = np.flatnonzero(~(np.abs(self.box.fractional(position)) < 1e6).all(axis=1))[:5]
            names = [int(be.host(state["id"])[i]) if "id" in state else int(i) for i in far]
            raise FloatingPointError(
                f"{lost} atoms are lost: positions not finite or a million boxes away (ids {names}); "
                "the step is too long, or atoms overlapped"
            )
        if be.name != "cpu":
            state["position"] = be.array(position)
            if image is not None:
                state["image"] = be.array(images)

    def overlap(self, state: Any, slot: int) -> OverlapError:
        """The error with the ids of the nearest two atoms about that slot."""
        rows, distance = np.zeros(2, np.int64), np.zeros(1)
        found = self.host.host("pairs_nearest", self.handle, slot, rows, distance)
        ids = self.backend.host(state["id"]) if "id" in state else np.arange(len(state["position"]))
        names = [
            f"{ids[row]}" if row < len(ids) else f"a copy from another rank ({row - len(ids)})"
            for row in rows
        ]
        step = f" at step {state.step}" if hasattr(state, "step") else ""
        if not found:
            return OverlapError(f"the force on an atom is not a number{step}; its position is not finite")
        return OverlapError(
            f"atoms {names[0]} and {names[1]} are {distance[0]:.3g} apart{step}: their force is no number. "
            "Overlapping atoms need a minimisation first, or a shorter step."
        )
