"""Systems for pair forces; energies, forces and virials by a plain double sum over atoms and images."""

from __future__ import annotations

import itertools

import numpy as np

from hpcphys.compiler.state import State
from hpcphys.decomposition.cells.box import Box


def lattice(cells, density=0.8442, jitter=0.06, seed=1):
    """A face-centred lattice of 4 cells³ atoms, shaken: positions and edge."""
    edge = (4 * cells**3 / density) ** (1 / 3)
    base = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
    corner = np.array(list(itertools.product(range(cells), repeat=3)))
    x = (corner[:, None] + base).reshape(-1, 3) * (edge / cells)
    return x + np.random.default_rng(seed).uniform(-jitter, jitter, x.shape) * edge / cells, edge


def box_of(kind, cells=5):
    """(positions, box): "cube", "tilted", "open" or "slab" (open along y), always the same atoms."""
    x, edge = lattice(cells)
    vectors = np.diag([edge] * 3)
    if kind == "tilted":
        vectors[1, 0], vectors[2, 0], vectors[2, 1] = 0.4 * edge, -0.3 * edge, 0.25 * edge
        return x / edge @ vectors + [3.0, -1.0, 2.0], Box(vectors, origin=(3.0, -1.0, 2.0))
    periodic = {"cube": (True,) * 3, "open": (False,) * 3, "slab": (True, False, True)}[kind]
    return x, Box(vectors, periodic=periodic)


def state_of(x, types=None, seed=5):
    """A state with its rows in random order, ids by the order of x."""
    order = np.random.default_rng(seed).permutation(len(x))
    arrays = {
        "position": x[order].copy(), "velocity": np.zeros_like(x), "id": order.astype(np.int64),
        "image": np.zeros((len(x), 3), np.int32),
    }  # fmt: skip
    if types is not None:
        arrays["type"] = np.asarray(types, np.int32)[order]
    return State(arrays)


def lennard_jones(r2, *_):
    """E and -E'(r)/r of 4 (r⁻¹² - r⁻⁶)."""
    u3 = r2**-3.0
    return 4 * u3 * (u3 - 1), 24 * u3 * (2 * u3 - 1) / r2


def shifted_force(cutoff):
    """The same with E - E(r_c) - (r - r_c) E'(r_c)."""
    end, slope = lennard_jones(cutoff**2)

    def pair(r2, *_):
        energy, force = lennard_jones(r2)
        r = np.sqrt(r2)
        return energy - end + (r - cutoff) * slope * cutoff, force - slope * cutoff / r

    return pair


def double_sum(x, box, cutoff, pair=None, forbidden=()):
    """Energy, forces and virial Σ F ⊗ x over all pairs and all images within the cutoff.

    pair(r2, i, j): E and -E'/r, Lennard-Jones with shifted force if None;  forbidden: pairs of rows that do
    not meet
    """
    pair = shifted_force(cutoff) if pair is None else pair
    energy, force, virial = 0.0, np.zeros_like(x), np.zeros((3, 3))
    i, j = np.triu_indices(len(x), 1)
    out = {(min(p), max(p)) for p in forbidden}
    keep = np.array([(a, b) not in out for a, b in zip(i, j, strict=True)]) if out else slice(None)
    i, j = i[keep], j[keep]
    for image in itertools.product(*[(-1, 0, 1) if p else (0,) for p in box.periodic]):
        d = x[i] - x[j] - np.array(image) @ box.vectors
        r2 = (d * d).sum(1)
        near = r2 < cutoff**2
        d, r2, a, b = d[near], r2[near], i[near], j[near]
        e, f = pair(r2, a, b)
        energy += e.sum()
        np.add.at(force, a, f[:, None] * d)
        np.add.at(force, b, -f[:, None] * d)
        virial += np.einsum("n,na,nb->ab", f, d, d)
    return energy, force, virial


def by_id(state, name="force"):
    """An array of the state in the order of ids."""
    result = np.empty_like(state[name])
    result[state["id"]] = state[name]
    return result


def relative(found, expected):
    """Root mean square difference over root mean square."""
    return float(np.sqrt(((found - expected) ** 2).mean() / (expected**2).mean()))
