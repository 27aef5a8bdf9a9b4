"""Rigid bonds and angles of particles: SHAKE and RATTLE, one molecule per lane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hpcphys.compiler.constraints.errors import ConstraintError
from hpcphys.compiler.constraints.molecules import Molecules, molecules_of
from hpcphys.compiler.state import State

UNMET, REDUNDANT = 1, 1_000_000
"""Status words of kernels/constraints.h."""

START_TOLERANCE = 1e-9
"""Largest relative violation of a length, and of r.v = 0, that a state may begin with."""

REFERENCE = "constraint_reference"


class BondConstraints:
    """|x_i - x_j| = d for many pairs of particles;  angles as the distance of their ends.

    SHAKE moves positions onto the bonds along the bonds of the last positions, and velocities by the same
    impulses; RATTLE takes the velocities along the bonds away. Around an unconstrained drift the two make a
    map that is symplectic and time-reversible on the constraint manifold; linear and angular momentum are
    kept to rounding, since impulses along a bond are equal and opposite.  Connected bonds are solved together
    (as a matrix up to 8 bonds, else bond by bond), molecules of one shape side by side.

    backend: kernel runtime
    pairs: (bonds, 2) rows of the particles;  lengths: one number, or one per bond [length]
    angles: (angles, 3) rows i, j, k with the corner j; both its bonds must be among `pairs`;  angle_values:
        one number, or one per angle [radians]
    tolerance: relative, of lengths, and of r.v against length times the fastest atom's speed
    max_iterations: of the solver;  project_every: see passes.constrain
    The rows must stay where they are: after an exchange between ranks make a new object.
    Raises ConstraintError for bonds that cannot be (a particle with itself, twice the same, a length that is
    not positive, an angle without its bonds or of 0 or 180 degrees).
    Sources: Ryckaert, Ciccotti & Berendsen (1977) J. Comput. Phys. 23, 327; Andersen (1983) J. Comput. Phys.
    52, 24; Leimkuhler & Skeel (1994) J. Comput. Phys. 112, 117 (symplectic).
    """

    def __init__(
        self,
        backend: Any,
        pairs: Any,
        lengths: Any,
        *,
        angles: Any = (),
        angle_values: Any = (),
        tolerance: float = 1e-12,
        max_iterations: int = 200,
        project_every: int = 1,
        position: str = "position",
        velocity: str = "velocity",
        mass: str = "mass",
    ):
        given = np.asarray(pairs, dtype=np.int64).reshape(-1, 2)
        if not len(given):
            raise ConstraintError("no bond is given; at least one pair of particles is needed")
        values = np.broadcast_to(np.asarray(lengths, dtype=np.float64), len(given))
        self.pairs, self.lengths = _with_angles(given, values, angles, angle_values)
        self._check()
        self.tolerance, self.max_iterations = float(tolerance), int(max_iterations)
        self.project_every = int(project_every)
        self.position, self.velocity, self.mass = position, velocity, mass
        self.positions, self.momenta = frozenset({position}), frozenset({velocity})
        self.reference = frozenset({REFERENCE})
        self.parameters = frozenset({mass})
        self._shapes = [_Shape(found, self.lengths, backend) for found in molecules_of(self.pairs)]
        self._backend = backend
        self._elapsed = 0.0

    @property
    def count(self) -> int:
        """Number of constraints: of the 3 n degrees of freedom of n particles so many are gone."""
        return len(self.pairs)

    def degrees_of_freedom(self, particles: int) -> int:
        """3 n - bonds."""
        return 3 * particles - self.count

    def describe(self) -> str:
        """One line for `explain`."""
        molecules = sum(shape.molecules.count for shape in self._shapes)
        return (
            f"|x_i - x_j| = d for {self.count} bonds in {molecules} molecules of {len(self._shapes)} "
            f"shape{'s' if len(self._shapes) > 1 else ''}, relative tolerance {self.tolerance:.0e}"
        )

    def verify(self, state: State) -> None:
        """Raise ConstraintError, naming the worst bond, unless the state meets all lengths and r.v = 0."""
        x, v = (self._backend.host(state[name]) for name in (self.position, self.velocity))
        i, j = self.pairs.T
        if self.pairs.max() >= len(x) or self.pairs.min() < 0:
            raise ConstraintError(
                f"a bond names particle {self.pairs.max()}, and the state has {len(x)}, counted from 0"
            )
        length = np.linalg.norm(x[i] - x[j], axis=1)
        worst = int(np.argmax(np.abs(length / self.lengths - 1.0)))
        if not abs(length[worst] / self.lengths[worst] - 1.0) <= START_TOLERANCE:
            raise ConstraintError(
                f"{self._bond(worst)} has the length {length[worst]:.12g} at the start; wanted "
                f"{self.lengths[worst]:.12g} within {START_TOLERANCE:.0e}: correct positions or length"
            )
        along = np.abs(((x[i] - x[j]) * (v[i] - v[j])).sum(axis=1))
        allowed = START_TOLERANCE * length * np.maximum(np.linalg.norm(v, axis=1).max(), 1e-300)
        worst = int(np.argmax(along / allowed))
        if not along[worst] <= allowed[worst]:
            raise ConstraintError(
                f"{self._bond(worst)} is stretched by the velocities at the start: r.v = {along[worst]:.3g}; "
                "call project_momenta(state) before the run, which takes the velocities along the bonds away"
            )

    def remember(self, state: State) -> None:
        """Keep the positions: the next SHAKE acts along their bonds."""
        if REFERENCE not in state or state[REFERENCE].shape != state[self.position].shape:
            state[REFERENCE] = state[self.position].copy()
        else:
            state[REFERENCE][...] = state[self.position]

    def project_positions(self, state: State, dt: float) -> None:
        """SHAKE: x and v after a drift over dt from the remembered positions.  Raises ConstraintError."""
        for shape in self._shapes:
            shape.launch("shake", self, state, (state[REFERENCE], state[self.position]), (float(dt),))

    def project_momenta(self, state: State) -> None:
        """RATTLE: v without its part along the bonds.  Raises ConstraintError."""
        for shape in self._shapes:
            shape.launch("rattle", self, state, (state[self.position],), ())

    def reset_impulses(self) -> None:
        """Begin a new interval for `impulses` and `virial`."""
        for shape in self._shapes:
            shape.impulse[...] = 0.0
            shape.virial[...] = 0.0

    def impulses(self) -> np.ndarray:
        """(bonds,) what each bond has given to its atom i along x_i - x_j since the last reset
        [mass/time]; divided by the time gone by, the mean force over the length: positive where it pushes."""
        found = np.empty(self.count)
        for shape in self._shapes:
            found[shape.molecules.bonds] = self._backend.host(shape.impulse)
        return found

    def virial(self) -> np.ndarray:
        """(3, 3) sum over bonds of r x impulse since the last reset [mass·length²/time].

        Divided by the time gone by it is the mean of sum_b r_b F_b, which the pressure tensor needs.
        """
        xx, yy, zz, xy, xz, yz = sum(self._backend.host(shape.virial).sum(axis=0) for shape in self._shapes)
        return np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])

    def code(self, what: str) -> None:
        """Bonds have no flow in symbols: their program is not fused."""
        return None

    def failure(self, molecules: Molecules, status: np.ndarray, state: State) -> ConstraintError:
        """The error that the status words of the kernels ask for."""
        molecule = int(np.flatnonzero(status)[0])
        code = int(status[molecule])
        redundant = code >= REDUNDANT
        bond = int(molecules.bonds[molecule, code - (REDUNDANT if redundant else UNMET)])
        if redundant:
            return ConstraintError(
                f"{self._bond(bond)} is redundant: the other bonds of its molecule fix it; leave it out"
            )
        i, j = self.pairs[bond]
        x = self._backend.host(state[self.position])
        found = float(np.linalg.norm(x[i] - x[j]))
        return ConstraintError(
            f"{self._bond(bond)} cannot be met in {self.max_iterations} iterations: length found "
            f"{found:.9g}, wanted {self.lengths[bond]:.9g} within {self.tolerance:.0e}; shorten the step"
        )

    def _bond(self, index: int) -> str:
        i, j = self.pairs[index]
        return f"bond {index} of particles {i} and {j}"

    def _check(self) -> None:
        i, j = self.pairs.T
        wrong = np.flatnonzero((i == j) | ~(self.lengths > 0.0) | ~np.isfinite(self.lengths))
        if len(wrong):
            k = int(wrong[0])
            raise ConstraintError(
                f"{self._bond(k)} has the length {self.lengths[k]!r}; two different particles and a positive "
                "length are needed"
            )
        ends = np.sort(self.pairs, axis=1)
        unique, first = np.unique(ends, axis=0, return_index=True)
        if len(unique) < len(ends):
            k = min(set(range(len(ends))) - set(first.tolist()))
            raise ConstraintError(f"{self._bond(k)} is declared twice; leave one out")


class _Shape:
    """The molecules of one shape on the machine, with their kernels."""

    def __init__(self, molecules: Molecules, lengths: np.ndarray, backend: Any):
        self.molecules = molecules
        self.module = backend.module("constraints", **molecules.defines)
        self.rows = backend.array(molecules.rows)
        self.length = backend.array(lengths[molecules.bonds])
        self.impulse = backend.zeros(molecules.bonds.shape)
        self.virial = backend.zeros((molecules.count, 6))
        self.status = backend.zeros(molecules.count, dtype=np.int64)
        self._host = backend.host

    def launch(
        self,
        kernel: str,
        constraints: BondConstraints,
        state: State,
        positions: Sequence[Any],
        time: Sequence[float],
    ) -> None:
        self.module.launch(
            kernel,
            self.molecules.count,
            self.rows,
            self.length,
            state[constraints.mass],
            *positions,
            state[constraints.velocity],
            *time,
            constraints.tolerance,
            constraints.max_iterations,
            self.impulse,
            self.virial,
            self.status,
            None,  # no periodic images
        )
        if self.status.any():
            status = self._host(self.status).copy()
            self.status[...] = 0
            raise constraints.failure(self.molecules, status, state)


def _with_angles(
    pairs: np.ndarray, lengths: np.ndarray, angles: Any, values: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Bonds of pairs, then the distances of the ends of the angles:  c² = a² + b² - 2 a b cos(angle)."""
    corners = np.asarray(angles, dtype=np.int64).reshape(-1, 3)
    if not len(corners):
        return pairs, np.array(lengths)
    sizes = np.broadcast_to(np.asarray(values, dtype=np.float64), len(corners))
    found = {frozenset((int(i), int(j))): float(d) for (i, j), d in zip(pairs, lengths, strict=True)}
    ends, distances = [], []
    for (i, j, k), size in zip(corners.tolist(), sizes, strict=True):
        missing = [pair for pair in ((i, j), (j, k)) if frozenset(pair) not in found]
        if missing:
            raise ConstraintError(
                f"angle of particles {i}, {j}, {k}: its bond {missing[0]} is not among the pairs; "
                "an angle is held by the lengths of both its bonds and the distance of its ends"
            )
        if not 1e-4 < size < np.pi - 1e-4:
            raise ConstraintError(
                f"angle of particles {i}, {j}, {k} is {size:.6g}; a distance of its ends holds angles "
                "between 1e-4 and pi - 1e-4 radians"
            )
        a, b = found[frozenset((i, j))], found[frozenset((j, k))]
        ends.append((i, k))
        distances.append(np.sqrt(a * a + b * b - 2 * a * b * np.cos(size)))
    return np.concatenate([pairs, np.array(ends)]), np.concatenate([lengths, distances])
