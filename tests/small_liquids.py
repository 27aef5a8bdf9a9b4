"""Stand-ins for the pair forces in the tests of ensembles: wells, an ideal gas, all pairs in NumPy."""

from __future__ import annotations

import numpy as np

from hpcphys.compiler import State


class StandIn:
    """What the ensembles use of PairForces."""

    name = "pairs"
    reads = frozenset({"position"})
    writes = frozenset({"force"})
    optional = frozenset()
    layout = None
    request_totals = False

    def __init__(self, communicator=None):
        self.communicator = communicator
        self.evaluations = 0
        self._totals = None

    def evaluate(self, state, outputs=frozenset()):
        self.evaluations += 1
        force, energy, virial = self.compute(state)
        state["force"] = np.ascontiguousarray(force)
        self._totals = (energy, virial)

    def totals(self):
        energy, virial = self._totals
        if self.communicator is not None:
            energy = self.communicator.allreduce(energy)
            virial = self.communicator.allreduce(virial)
        return {"energy": energy, "virial": virial}

    def describe(self):
        return type(self).__name__


class Wells(StandIn):
    """V = sum k |x - home|²/2: every atom in a harmonic well of its own."""

    def __init__(self, stiffness=1.0):
        super().__init__()
        self.stiffness = stiffness

    def compute(self, state):
        x = state["position"] - state["home"]
        force = -self.stiffness * x
        return force, 0.5 * self.stiffness * (x**2).sum(), state["position"].T @ force


class IdealGas(StandIn):
    """No forces."""

    def compute(self, state):
        return np.zeros_like(state["position"]), 0.0, np.zeros((3, 3))


def vectors_of(state):
    """(3, 3) rows a, b, c of the box in the state's scalars."""
    s = state.scalars
    return np.array(
        [[s["box.xx"], 0, 0], [s["box.yx"], s["box.yy"], 0], [s["box.zx"], s["box.zy"], s["box.zz"]]]
    )


class AllPairs(StandIn):
    """Lennard-Jones, cut and shifted smoothly to zero at `cutoff`, minimum images, atoms of all ranks.

    Each rank computes the forces on its own rows, in the order of the ids: the same on every number
    of ranks.
    Pairs within a molecule are left out.
    """

    def __init__(self, communicator, cutoff=2.5):
        super().__init__()
        self.ranks, self.cutoff = communicator, cutoff

    def compute(self, state):
        columns = [state["id"][:, None].astype(float), state["position"]]
        if "molecule" in state:
            columns.append(state["molecule"][:, None].astype(float))
        everyone = np.concatenate(self.ranks.allgather(np.hstack(columns)))
        everyone = everyone[np.argsort(everyone[:, 0])]
        box = vectors_of(state)
        d = state["position"][:, None, :] - everyone[None, :, 1:4]
        for axis in (2, 1, 0):
            d -= np.rint(d[..., axis, None] / box[axis, axis]) * box[axis]
        square = (d**2).sum(axis=2)
        near = (square < self.cutoff**2) & (everyone[None, :, 0] != state["id"][:, None])
        if "molecule" in state:
            near &= everyone[None, :, 4] != state["molecule"][:, None]
        square = np.where(near, square, 1.0)
        s6 = square**-3
        # V (1 - r²/c²)²: force and energy vanish smoothly
        v, dv = 4 * (s6 * s6 - s6), (-48 * s6 * s6 + 24 * s6) / square  # dV/dr / r
        w = 1 - square / self.cutoff**2
        slope = np.where(near, dv * w * w - 4 * v * w / self.cutoff**2, 0.0)
        pair = -slope[..., None] * d
        energies = 0.5 * np.where(near, v * w * w, 0.0).sum(axis=1)
        virials = 0.5 * np.einsum("ija,ijb->iab", d, pair)
        return pair.sum(axis=1), energies, virials

    def totals(self):
        energies, virials = self._totals
        return {
            "energy": self.ranks.sum_reproducible(energies),
            "virial": self.ranks.sum_reproducible(virials.reshape(-1, 9)).reshape(3, 3),
        }


def box_scalars(vectors):
    """The scalars of a box, its origin at zero."""
    h = np.asarray(vectors, dtype=float) * (np.eye(3) if np.ndim(vectors) < 2 else 1.0)
    names = {"xx": (0, 0), "yy": (1, 1), "zz": (2, 2), "yx": (1, 0), "zx": (2, 0), "zy": (2, 1)}
    found = {f"box.{name}": float(h[index]) for name, index in names.items()}
    return found | {"box.x0": 0.0, "box.y0": 0.0, "box.z0": 0.0}


def atoms(position, *, mass=1.0, box=None, types=None):
    """A state of atoms at rest."""
    x = np.array(position, dtype=float)
    n = len(x)
    arrays = {
        "position": x,
        "velocity": np.zeros((n, 3)),
        "image": np.zeros((n, 3), dtype=np.int32),
        "mass": np.broadcast_to(np.asarray(mass, dtype=float), n).copy(),
        "id": np.arange(n, dtype=np.int64),
        "type": np.zeros(n, dtype=np.int32) if types is None else np.asarray(types, dtype=np.int32),
    }
    return State(arrays, scalars=None if box is None else box_scalars(box))


def lattice(cells, density):
    """(4 cells³, 3) sites of a face-centred cubic lattice, and its edge."""
    base = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]) + 0.25
    edge = (4 / density) ** (1 / 3)
    grid = np.stack(np.meshgrid(*[np.arange(cells)] * 3, indexing="ij"), axis=-1).reshape(-1, 1, 3)
    return ((grid + base).reshape(-1, 3)) * edge, cells * edge


def wells(n, stiffness=1.0, mass=1.0, types=None):
    """Atoms at rest in wells of their own, and their field."""
    state = atoms(np.zeros((n, 3)), mass=mass, types=types)
    state["home"] = np.zeros((n, 3))
    return state, Wells(stiffness)


def molecules(template, cells, spacing, *, masses, seed=1, shuffled=True):
    """Rigid molecules on a cubic lattice of `spacing`, turned at random, wrapped, rows shuffled."""
    rng = np.random.default_rng(seed)
    size, edge = len(template.types), cells * spacing
    grid = np.stack(np.meshgrid(*[np.arange(cells)] * 3, indexing="ij"), axis=-1).reshape(-1, 1, 3)
    turns = np.linalg.qr(rng.normal(size=(cells**3, 3, 3)))[0]
    x = (grid * spacing + np.einsum("mab,kb->mka", turns, shape_of(template))).reshape(-1, 3) % edge
    n = len(x)
    state = atoms(x, mass=np.tile(masses, n // size), box=edge, types=np.tile(template.types, n // size))
    state["molecule"] = np.arange(n, dtype=np.int64) // size
    order = rng.permutation(n) if shuffled else np.arange(n)
    state.replace({name: np.ascontiguousarray(state[name][order]) for name in state.names()})
    return state, edge


def shape_of(template):
    """(atoms, 3) places of a molecule's atoms: a triangle, or a zigzag."""
    if template.is_triangle:
        half = template.lengths[2] / 2
        height = np.sqrt(template.lengths[0] ** 2 - half**2)
        return np.array([[0, 0, 0], [-half, -height, 0], [half, -height, 0]])
    step = template.lengths[0]
    k = np.arange(len(template.types))
    return np.stack([k * step * np.sqrt(3) / 2, (k % 2) * step / 2, 0.0 * k], axis=1)


def bond_errors(state, template, edge):
    """Largest relative error of the lengths, and largest |r.v|."""
    order = np.argsort(state["id"]).reshape(-1, len(template.types))
    worst, along = 0.0, 0.0
    for (i, j), length in zip(template.bonds, template.lengths, strict=True):
        r = state["position"][order[:, i]] - state["position"][order[:, j]]
        r -= np.rint(r / edge) * edge
        v = state["velocity"][order[:, i]] - state["velocity"][order[:, j]]
        worst = max(worst, float(np.abs(np.linalg.norm(r, axis=1) / length - 1).max()))
        along = max(along, float(np.abs((r * v).sum(axis=1)).max()))
    return worst, along
