"""The macro-particles of one species on this rank's block of the grid."""

from __future__ import annotations

import math
import weakref
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from hpcphys.kernels import backend as backend_named

from .checks import checked_boundaries, checked_rows
from .errors import ParticleError
from .layout import layout_of
from .rows import as_rows, pieces, sent_home
from .species import PUSHERS, Species

REAL = {"single": np.float32, "double": np.float64}
MOMENTS = ("density", "v_x", "v_y", "v_z", "p_xx", "p_yy", "p_zz", "p_xy", "p_xz", "p_yz")
# The fastest of those tried on one core (scaling/plasmas.py): some hundred kilobytes of particles.
TILES = {1: (64,), 2: (16, 16), 3: (8, 8, 8)}


class Particles:
    """dx/dt = v = u/γ, du/dt = (q/m)(E + v × B), γ² = 1 + u²/c² (not relativistic: v = u).

    Leapfrog: momenta at half steps, positions at whole ones.  Particles are kept sorted by the bin they are
    in (a cell where `order` is odd, the cell around a node where it is even), with positions relative to it.

    species: see Species
    blocks: hpcphys.decomposition.grids.GridBlocks with at least order + 1 guards, at least 2
    spacing: of the cells along each axis [length]
    order: 0 nearest grid point, 1 linear, 2 quadratic, 3 cubic shapes
    precision: of positions, momenta, fields and currents, "single" or "double"; sums of energy are double
    gather: "energy" (fields half-way along an axis are gathered one order lower there, so that the work
        done on the particles is that of J·E) or "momentum" (fields averaged to nodes, equal order)
    deposition: of currents, "charge_conserving" or "direct" (q v S at the middle of each path: continuity
        holds to second order in the displacement; order 1 to 3)
    boundaries: {axis: (lower, upper)} of "reflecting" or "absorbing" for each axis that is not periodic
    tile: bins along each axis that are worked on together; None: what fits the cache
    reach: bins that a particle may cross in a step along each axis; None: what guards allow

    The current is charge-conserving: (ρ(n+1) - ρ(n))/dt + ∇·J = 0 to round-off for every order, each path
    being split at the faces of bins (Villasenor & Buneman 1992; Esirkepov 2001).
    Results depend on the particles and their order alone: not on threads, and on ranks only by round-off.
    Raises ParticleError for choices that do not fit.
    """

    def __init__(
        self,
        species: Species,
        blocks: Any,
        spacing: Sequence[float],
        *,
        order: int = 1,
        precision: str = "single",
        backend: Any = None,
        light_speed: float = 1.0,
        gather: str = "energy",
        deposition: str = "charge_conserving",
        boundaries: Mapping[int, tuple[str, str]] | None = None,
        tile: Sequence[int] | None = None,
        reach: int | None = None,
    ):
        self.species, self.blocks = species, blocks
        self.dimensions = len(blocks.shape)
        self.spacing = tuple(float(h) for h in spacing)
        self.order, self.precision, self.gather, self.deposition = order, precision, gather, deposition
        self.light_speed = float(light_speed)
        self.backend = backend_named("cpu") if backend is None else backend
        self._check_choices()
        self.real = REAL[precision]
        self.boundaries = checked_boundaries(boundaries, blocks)
        widest = blocks.guards - (2 if order == 3 else 1)
        self.reach = widest if reach is None else int(reach)
        if not 1 <= self.reach <= widest:
            raise ParticleError(
                f"reach {self.reach}: with {blocks.guards} guards and order {order} a particle may cross 1 "
                f"to {widest} bins in a step"
            )
        self.tile = tuple(TILES[self.dimensions] if tile is None else tile)
        self.call = self.backend.module("pic_particles", **self._defines()).host
        self.record_bytes = self.call("pic_record_bytes")
        self._node_fields: Any = None
        self._lost_before = (np.zeros(6, np.int64), np.zeros(12))
        self._make_engine()

    def _check_choices(self) -> None:
        if (
            self.order not in (0, 1, 2, 3)
            or self.precision not in REAL
            or self.gather not in ("energy", "momentum")
        ):
            raise ParticleError(
                f"order {self.order}, precision '{self.precision}', gather '{self.gather}': order 0 to 3, "
                "single or double, energy or momentum are allowed"
            )
        if self.order == 0 and self.gather == "energy":
            raise ParticleError('order 0 has no shape one order lower: use gather="momentum", or order 1')
        if self.backend.name != "cpu":
            raise ParticleError(
                f"backend '{self.backend.name}': plasma particles run on the CPU; use backend=\"cpu\""
            )
        if self.deposition not in ("charge_conserving", "direct"):
            raise ParticleError(f"deposition '{self.deposition}': choose charge_conserving or direct")
        if self.order == 0 and self.deposition == "direct":
            raise ParticleError('order 0 has no shape one order lower: use deposition="charge_conserving"')
        if len(self.spacing) != self.dimensions or not all(h > 0 and math.isfinite(h) for h in self.spacing):
            raise ParticleError(
                f"spacing {self.spacing}: a length above 0 for each of {self.dimensions} axes"
            )
        if self.blocks.guards < max(2, self.order + 1):
            raise ParticleError(
                f"{self.blocks.guards} guards; order {self.order} needs {max(2, self.order + 1)}"
            )

    def _defines(self) -> dict[str, Any]:
        species = self.species
        return {
            "REAL": "float" if self.precision == "single" else "double",
            "DIMENSIONS": self.dimensions,
            "ORDER": self.order,
            "WEIGHTED": int(species.weight is None),
            "TRACKED": int(species.tracked),
        }

    @cached_property
    def _electromagnetic(self) -> Any:
        """Calls of the module that moves particles and deposits currents, compiled at first use."""
        direct = int(self.deposition == "direct")
        defines = {**self._defines(), **self._push_defines(), "DIRECT": direct}
        return self.backend.module("pic_current", **defines).host

    @cached_property
    def _electrostatic(self) -> Any:
        return self.backend.module("pic_charge", **self._defines(), **self._push_defines()).host

    def _push_defines(self) -> dict[str, int]:
        species = self.species
        pusher = PUSHERS.index(species.pusher) if species.relativistic else 0
        return {
            "MOMENTUM": int(self.gather == "momentum"),
            "PUSHER": pusher,
            "RELATIVISTIC": int(species.relativistic),
        }

    def _make_engine(self) -> None:
        whole, self.bins, self.tiles_along = layout_of(self)
        numbers = [*self.spacing, *[1.0] * (3 - self.dimensions), self.species.charge, self.species.mass]
        numbers += [self.species.weight or 1.0, self.light_speed, float(self.species.relativistic)]
        self.handle = self.call("pic_new", whole, np.array(numbers))
        self._free = weakref.finalize(self, self.call, "pic_free", self.handle)

    # -- putting in --------------------------------------------------------------------------------------

    def add(self, position: Any, momentum: Any, weight: Any = None, id: Any = None) -> None:
        """New particles of this rank.

        position: (n, D) global coordinates inside this block, from the grid's corner [length]
        momentum: (n, 3) u = γ v [velocity];  weight: (n,) where the species has none;  id: (n,) if tracked
        With even order a particle in the upper half of the block's last cell belongs to the next block:
        `migrate` takes it there.  Raises ParticleError naming the first row that is outside or not finite.
        """
        rows = checked_rows(self, position, momentum, weight, id)
        self.call("pic_add", self.handle, len(rows[0]), *rows)

    # -- steps -------------------------------------------------------------------------------------------

    def advance(self, E: Any, B: Any, J: Any, dt: float) -> None:
        """u(n-1/2) → u(n+1/2) in E(n), B(n); x(n) → x(n+1); the current at n+1/2 is added to J.

        E, B, J: (3, *blocks.local_shape) of the precision; guards of E and B are filled, those of J are left
        to the caller (blocks.sum, once for all species)
        Raises ParticleError if a particle would cross more than `reach` bins along an axis; particles that
        leave the block wait for `migrate`.
        """
        E, B = self._at_nodes(E, B)
        if self._electromagnetic("pic_advance", self.handle, E, B, J, dt):
            raise self._too_far(dt)

    def advance_electrostatic(self, E: Any, B0: Sequence[float] | None, rho: Any, dt: float) -> None:
        """u(n-1/2) → u(n+1/2) in E(n) and a uniform B0; x(n) → x(n+1); their charge density is added to rho.

        E: (3, *blocks.local_shape), guards filled;  rho: (*blocks.local_shape);  B0: (3,) or None
        The charges of particles that have left the block are in the guards of rho.  Raises as `advance`.
        """
        E, _ = self._at_nodes(E, None)
        still = np.zeros(3) if B0 is None else np.array(B0, dtype=np.float64)
        if self._electrostatic("pic_advance_electrostatic", self.handle, E, still, rho, dt):
            raise self._too_far(dt)

    def kick(self, E: Any, B: Any, dt: float, B0: Sequence[float] | None = None) -> None:
        """u → u after dt in E and B at rest; B None: the uniform B0.  Positions stay."""
        E, B = self._at_nodes(E, B)
        if B is not None:
            self._electromagnetic("pic_kick", self.handle, E, B, dt)
            return
        still = np.zeros(3) if B0 is None else np.array(B0, dtype=np.float64)
        self._electrostatic("pic_kick_electrostatic", self.handle, E, still, dt)

    def _at_nodes(self, E: Any, B: Any) -> tuple[Any, Any]:
        """For gather="momentum": the fields averaged to nodes, f_i = (f_{i-1/2} + f_{i+1/2})/2."""
        if self.gather == "energy":
            return E, B
        if self._node_fields is None:
            self._node_fields = np.zeros((2, *E.shape), self.real)
        axes = range(self.dimensions)
        for field, to, is_magnetic in ((E, self._node_fields[0], False), (B, self._node_fields[1], True)):
            if field is None:
                continue
            for c in range(3):
                value = field[c]
                for axis in axes:
                    if (axis == c) != is_magnetic:
                        value = 0.5 * (value + np.roll(value, 1, axis))
                to[c] = value
        return self._node_fields[0], None if B is None else self._node_fields[1]

    def _too_far(self, dt: float) -> ParticleError:
        told = np.zeros(12)
        self.call("pic_fault", self.handle, told)
        n = self.dimensions
        shift = 0.5 * (self.order % 2)
        position = (told[:n] + told[3 : 3 + n] + shift) * self.spacing
        return ParticleError(
            f"species '{self.species.name}': the particle at {position.tolist()} with u = "
            f"{told[6:9].tolist()} would move {told[9 : 9 + n].tolist()} cells in a step of {dt:g}; at most "
            f"{self.reach} along an axis are allowed: take a smaller step, or more guards"
        )

    def migrate(self) -> None:
        """Particles that have left the block go to the ranks that own their bins now.  Collective.

        They are put in the order of directions, then of the sender: the same on every run.
        Raises ParticleError if one comes that does not belong here.
        """
        if self.blocks.communicator.size == 1 and not self._waiting().any():
            return
        sizes = self._waiting()
        buffers = {}
        for d in np.flatnonzero(sizes):
            buffer = np.empty(int(sizes[d]) * self.record_bytes, np.uint8)
            self.call("pic_take", self.handle, int(d), buffer)
            buffers[self._direction(int(d))] = buffer
        for origin, buffer in self.blocks.send_records(buffers):
            wrong = self.call(
                "pic_give", self.handle, len(buffer) // self.record_bytes, np.ascontiguousarray(buffer)
            )
            if wrong:
                raise ParticleError(
                    f"species '{self.species.name}': {wrong} particles from direction {origin} have crossed "
                    "more than one block; take a smaller step or thicker blocks"
                )

    def _waiting(self) -> np.ndarray:
        sizes = np.zeros(3**self.dimensions, np.int64)
        self.call("pic_outgoing", self.handle, sizes)
        return sizes

    def _direction(self, number: int) -> tuple[int, ...]:
        return tuple(int(c) - 1 for c in np.unravel_index(number, (3,) * self.dimensions))

    # -- what they tell ----------------------------------------------------------------------------------

    def deposit_charge(self, rho: Any) -> None:
        """rho (*blocks.local_shape) += Σ q w S(x - x_node) / cell volume; guards are left to the caller."""
        self.call("pic_deposit_charge", self.handle, rho)

    def moments(self, *names: str) -> np.ndarray:
        """(names, *blocks.local_shape) double: Σ w S/V times 1 ("density"), v_a ("v_x"), m u_a v_b ("p_xx").

        Guards are left to the caller (blocks.sum).  Current: charge times v; pressure: p_ab - mean values.
        Raises ParticleError for another name.
        """
        unknown = [name for name in names if name not in MOMENTS]
        if unknown or not names:
            raise ParticleError(f"moments {unknown}: choose of {', '.join(MOMENTS)}")
        wanted = sorted(MOMENTS.index(name) for name in set(names))
        found = np.zeros((len(wanted), *self.blocks.local_shape))
        self.call("pic_moments", self.handle, sum(1 << k for k in wanted), found)
        return found[[wanted.index(MOMENTS.index(name)) for name in names]]

    def sums(self) -> dict[str, Any]:
        """Of this rank, in double: energy Σ w m c²(γ-1), weight Σ w, momentum Σ w m u (3), flux Σ w v (3)."""
        found = np.zeros(8)
        self.call("pic_sums", self.handle, found)
        return {
            "energy": float(found[0]),
            "weight": float(found[1]),
            "momentum": self.species.mass * found[2:5],
            "flux": found[5:8],
        }

    def kinetic_energy(self) -> float:
        """Σ w m c² (γ - 1) of this rank's particles, in double."""
        return self.sums()["energy"]

    def _told(self) -> tuple[np.ndarray, np.ndarray]:
        whole, lost = np.zeros(8, np.int64), np.zeros(12)
        self.call("pic_told", self.handle, whole, lost)
        return whole, lost

    def _told_at_walls(self) -> tuple[np.ndarray, np.ndarray]:
        whole, lost = self._told()
        before = self._lost_before
        return before[0] + whole[2:], before[1] + lost

    @property
    def count(self) -> int:
        """Particles in this rank's block, those on their way between its tiles included."""
        return int(self._told()[0][0])

    @property
    def waiting(self) -> int:
        """Particles that have left the block and wait for `migrate`."""
        return int(self._waiting().sum())

    @property
    def bytes(self) -> int:
        """Memory held for particles, all buffers included."""
        nodes = 0 if self._node_fields is None else self._node_fields.nbytes
        return int(self._told()[0][1]) + nodes

    @property
    def bytes_per_particle(self) -> float:
        """Memory held, per particle."""
        return self.bytes / max(self.count, 1)

    @property
    def boundary_losses(self) -> dict[tuple[int, int], dict[str, float]]:
        """What this rank's walls have absorbed: {(axis, side): count, weight and kinetic energy}."""
        counts, lost = self._told_at_walls()
        return {
            (a, side): {
                "count": int(counts[2 * a + side]),
                "weight": float(lost[2 * (2 * a + side)]),
                "energy": float(lost[2 * (2 * a + side) + 1]),
            }
            for a in range(self.dimensions)
            for side in (0, 1)
        }

    @property
    def work(self) -> np.ndarray:
        """(bins of this block) particles in each bin: for GridBlocks.balanced."""
        counts = np.zeros(self.bins, np.int64)
        self.call("pic_bins", self.handle, counts)
        return counts

    # -- rows --------------------------------------------------------------------------------------------

    def chunks(self, limit: int = 1_000_000) -> Iterator[dict[str, np.ndarray]]:
        """Rows as `rows` has them, in pieces of about `limit` (whole tiles), in order."""
        for saved in pieces(self, limit):
            yield as_rows(self, saved)

    def rows(self) -> dict[str, np.ndarray]:
        """Copies in order of bins: position (n, D) global, momentum (n, 3), weight (n,), id if tracked."""
        return as_rows(self, self.saved())

    def saved(self) -> dict[str, np.ndarray]:
        """Row arrays that hold the state exactly: bin (n, D) int32, fields (n, ·) [offset, u, weight], id.

        `restore` on the same block goes on with the same bits.
        Raises ParticleError while particles wait for other ranks: call `migrate` first.
        """
        if self.waiting:
            raise ParticleError(f"{self.waiting} particles wait for other ranks: call migrate() first")
        return next(pieces(self, 1 << 62))

    def restore(self, saved: Mapping[str, np.ndarray]) -> None:
        """Take the particles of all ranks' `saved` in place of those here.  Collective.

        Each goes to the rank that owns its bin, in the order of the ranks that hold the rows: on the same
        blocks the same bits from here on; on others (another number of ranks) the same particles.
        """
        rows = sent_home(self, saved)
        counts, lost = self._told_at_walls()
        self._free()
        self._make_engine()
        self._lost_before = (counts, lost)
        self.call("pic_restore", self.handle, len(rows["bin"]), rows["bin"], rows["fields"], rows.get("id"))

    def rebalanced(self, blocks: Any) -> Particles:
        """The same particles on other blocks of the same grid.  Collective; this object may be let go."""
        boundaries = {a: sides for a, sides in enumerate(self.boundaries) if not blocks.periodic[a]}
        found = Particles(
            self.species, blocks, self.spacing, order=self.order, precision=self.precision,
            backend=self.backend, light_speed=self.light_speed, gather=self.gather,
            deposition=self.deposition, boundaries=boundaries, tile=self.tile, reach=self.reach,
        )  # fmt: skip
        found.restore(self.saved())
        found._lost_before = self._told_at_walls()
        return found
