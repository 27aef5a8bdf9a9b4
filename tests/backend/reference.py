"""NumPy references of the gravity kernels, and what their tests share: backends, records, distributions."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
import pytest

from hpcphys.decomposition.local_tree import group_type, node_type
from hpcphys.forces.tree import LEAF_SIZE

# One body of tests for all: the CPU's kernels, CUDA's branch on the emulated machine, a GPU where one is.
MACHINES = ["cpu", "emulated", pytest.param("cuda", marks=pytest.mark.cuda)]
REALS = ["float", "double"]
KERNELS = {"none": 0, "plummer": 1, "spline": 2}
SMALLEST = {"float": float(np.finfo(np.float32).eps), "double": float(np.finfo(np.float64).eps)}


def real_type(real: str) -> type:
    return np.float32 if real == "float" else np.float64


def tree_module(machine: Any, real: str, kernel: str) -> Any:
    """The tree's kernels with the defines of the program, so that they are compiled once for all."""
    return machine.module("gravity_tree", REAL=real, SOFTENING=KERNELS[kernel], LEAF=LEAF_SIZE)


def device_bytes(machine: Any, records: np.ndarray) -> Any:
    """Records as rows of bytes on the machine, as the program passes them."""
    return machine.array(np.ascontiguousarray(records).view(np.uint8).reshape(len(records), -1))


def host_records(machine: Any, rows: Any, dtype: np.dtype) -> np.ndarray:
    return machine.host(rows).reshape(-1).view(dtype)


# ---- pair physics --------------------------------------------------------------------------------


def spline_potential(u: np.ndarray) -> np.ndarray:
    """W₂(u), the potential of the cubic spline times h: Springel, Yoshida & White (2001), eq. 71."""
    safe = np.maximum(u, 1e-300)
    inner = 16 / 3 * u**2 - 48 / 5 * u**4 + 32 / 5 * u**5 - 14 / 5
    outer = 1 / (15 * safe) + 32 / 3 * u**2 - 16 * u**3 + 48 / 5 * u**4 - 32 / 15 * u**5 - 16 / 5
    return np.where(u < 0.5, inner, np.where(u < 1, outer, -1 / safe))


def spline_slope(u: np.ndarray) -> np.ndarray:
    """dW₂/du of `spline_potential`."""
    safe = np.maximum(u, 1e-300)
    inner = 32 / 3 * u - 192 / 5 * u**3 + 32 * u**4
    outer = -1 / (15 * safe**2) + 64 / 3 * u - 48 * u**2 + 192 / 5 * u**3 - 32 / 3 * u**4
    return np.where(u < 0.5, inner, np.where(u < 1, outer, 1 / safe**2))


@dataclass
class DirectField:
    """acceleration (n, 3), potential (n,) without the particle itself, pull (n,): the sum of |pulls|."""

    acceleration: np.ndarray
    potential: np.ndarray
    pull: np.ndarray


def direct_field(position: np.ndarray, mass: np.ndarray, softening: float, kernel: str) -> DirectField:
    """Sums over all pairs in double precision; coincident particles pull with the kernel's central potential.

    Without softening, coincident particles do not see each other.
    """
    separation = position[None] - position[:, None]
    distance = np.sqrt((separation**2).sum(axis=2))
    with np.errstate(divide="ignore", invalid="ignore"):
        if kernel == "plummer":
            inverse = (distance**2 + softening**2) ** -0.5
            force = inverse**3
        elif kernel == "spline":
            h = 2.8 * softening
            inverse = -spline_potential(distance / h) / h
            force = np.where(distance > 0, spline_slope(distance / h) / (h**2 * distance), 0.0)
        else:
            inverse = np.where(distance > 0, 1 / distance, 0.0)
            force = np.where(distance > 0, inverse**3, 0.0)
    np.fill_diagonal(inverse, 0.0)
    weight = mass * force
    return DirectField(
        (weight[:, :, None] * separation).sum(axis=1),
        -(mass * inverse).sum(axis=1),
        (weight * distance).sum(axis=1),
    )


# ---- moments and expansions ----------------------------------------------------------------------


def derivatives(d: np.ndarray, epsilon: float) -> list[np.ndarray]:
    """1/ρ and its derivative tensors up to fourth order at d (3,), ρ² = d² + ε²."""
    i2 = 1 / (d @ d + epsilon**2)
    g = [np.sqrt(i2)]
    for k in range(4):
        g.append(-(2 * k + 1) * i2 * g[-1])  # g_k with ∂ₐ g_k = dₐ g_{k+1}
    unit = np.eye(3)

    def symmetric(*factors: np.ndarray) -> np.ndarray:
        """The sum of the tensor product over all different assignments of indices to the factors."""
        product = factors[0]
        for factor in factors[1:]:
            product = np.multiply.outer(product, factor)
        axes = list(permutations(range(product.ndim)))
        whole = sum(np.transpose(product, axis) for axis in axes)
        deltas = sum(factor.ndim == 2 for factor in factors)
        vectors = len(factors) - deltas
        repeats = 2**deltas * np.prod(np.arange(1, deltas + 1)) * np.prod(np.arange(1, vectors + 1))
        return whole / repeats

    second = np.multiply.outer(d, d) * g[2] + unit * g[1]
    third = symmetric(d, d, d) * g[3] + symmetric(d, unit) * g[2]
    fourth = symmetric(d, d, d, d) * g[4] + symmetric(d, d, unit) * g[3] + symmetric(unit, unit) * g[2]
    return [np.array(g[0]), d * g[1], second, third, fourth]


@dataclass
class Moments:
    """Mass, centre of mass (3,), second moments Σ m rr (3, 3) about it, and the largest distance from it."""

    mass: float
    centre: np.ndarray
    second: np.ndarray
    radius: float

    @classmethod
    def of(cls, position: np.ndarray, mass: np.ndarray) -> Moments:
        total = mass.sum()
        centre = mass @ position / total
        r = position - centre
        return cls(
            total, centre, np.einsum("k,ki,kj->ij", mass, r, r), float(np.sqrt((r**2).sum(axis=1)).max())
        )

    @property
    def quadrupole(self) -> np.ndarray:
        """The traceless quadrupole Σ m (3 rr - r² 1) in the order of the node: xx, yy, xy, xz, yz."""
        q = 3 * self.second - np.trace(self.second) * np.eye(3)
        return np.array([q[0, 0], q[1, 1], q[0, 1], q[0, 2], q[1, 2]])

    def field(self, target: np.ndarray, epsilon: float) -> tuple[np.ndarray, float]:
        """Acceleration and potential of the exact second-order expansion: φ = -(m + ½ S:∂∂) 1/ρ, a = -∇φ."""
        d = derivatives(target - self.centre, epsilon)
        potential = -(self.mass * d[0] + 0.5 * np.einsum("ij,ij", self.second, d[2]))
        return self.mass * d[1] + 0.5 * np.einsum("ij,ijk->k", self.second, d[3]), float(potential)

    def record(self, real: str, **more: int) -> np.ndarray:
        """One Node."""
        node = np.zeros(1, node_type(real_type(real)))
        node["centre"], node["mass"], node["radius"] = self.centre, self.mass, self.radius
        node["weight"] = np.trace(self.second) / self.radius**2 if self.radius else 0.0
        node["quadrupole"] = self.quadrupole
        for name, value in more.items():
            node[name] = value
        return node


def one_group(position: np.ndarray, real: str, reach: float = 0.0) -> np.ndarray:
    """One Group over all rows."""
    group = np.zeros(1, group_type(real_type(real)))
    low, high = position.min(axis=0), position.max(axis=0)
    group["centre"], group["half"] = 0.5 * (low + high), 0.5 * (high - low) * (1 + 1e-6)
    group["reach"], group["count"] = reach, len(position)
    return group


def walk(
    machine: Any,
    module: Any,
    position: np.ndarray,
    mass: np.ndarray,
    nodes: np.ndarray,
    sources: np.ndarray,
    *,
    real: str,
    groups: np.ndarray | None = None,
    root: int = 0,
    relative: int = 0,
    angle: float = 1e9,
    smooth: float = 0.0,
    local: float = 1.0,
    epsilon: float = 0.0,
) -> dict[str, np.ndarray]:
    """`tree_forces` without scales on hand-made nodes: acceleration, potential, work, counts, failures."""
    groups = one_group(position, real) if groups is None else groups
    n, dtype = len(position), real_type(real)
    outputs = {
        "acceleration": machine.array(np.full((n, 3), np.nan, dtype)),
        "potential": machine.array(np.full(n, np.nan, dtype)),
        "work": machine.array(np.full(n, np.nan, np.float32)),
        "counts": machine.array(np.full((len(groups), 3), -1, np.int32)),
        "failures": machine.array(np.zeros(1, np.int32)),
    }
    module.launch(
        "tree_forces",
        len(groups),
        device_bytes(machine, groups),
        device_bytes(machine, nodes),
        machine.array(sources, dtype=dtype),
        root,
        machine.array(position),
        machine.array(mass),
        relative,
        angle,
        smooth,
        local,
        epsilon,
        1.0,
        1.0,
        1.0,
        1.0,
        *outputs.values(),
    )
    return {name: machine.host(array) for name, array in outputs.items()}


# ---- Hilbert curve -------------------------------------------------------------------------------


def counted_work(pairs: int, cells: int, distant: int, count: int) -> float:
    """What tree_forces counts as the work of each of a group's `count` targets, in pairs."""
    each, once = pairs + 2.5 * cells + 105, 22 * pairs + 40 * (cells + distant) + 2400
    return (-(-count // 16) * 16 * each + once) / count


def hilbert_index(point: tuple[int, int, int], bits: int) -> int:
    """Skilling's (2004) published transformation of axes to a transposed index, then the bits interleaved."""
    x = list(point)
    q = 1 << (bits - 1)
    while q > 1:  # inverse undo
        p = q - 1
        for i in range(3):
            if x[i] & q:
                x[0] ^= p
            else:
                t = (x[0] ^ x[i]) & p
                x[0] ^= t
                x[i] ^= t
        q >>= 1
    x[1] ^= x[0]  # Gray encode
    x[2] ^= x[1]
    t, q = 0, 1 << (bits - 1)
    while q > 1:
        if x[2] & q:
            t ^= q - 1
        q >>= 1
    x = [v ^ t for v in x]
    index = 0
    for bit in range(bits - 1, -1, -1):
        for v in x:
            index = index << 1 | (v >> bit) & 1
    return index


# ---- distributions -------------------------------------------------------------------------------


def plummer(rng: np.random.Generator, count: int) -> np.ndarray:
    """A Plummer sphere of scale radius 1, out to where it holds 99.9 % of its mass."""
    radius = 1 / np.sqrt(rng.uniform(0.001, 0.999, count) ** (-2 / 3) - 1)
    direction = rng.normal(size=(count, 3))
    return radius[:, None] * direction / np.linalg.norm(direction, axis=1)[:, None]


def uniform(rng: np.random.Generator, count: int) -> np.ndarray:
    return rng.uniform(-1, 1, (count, 3))


def two_clusters(rng: np.random.Generator, count: int) -> np.ndarray:
    """Two Plummer spheres a thousand scale radii apart."""
    position = plummer(rng, count)
    position[: count // 2, 0] += 1000.0
    return position


def disc(rng: np.random.Generator, count: int) -> np.ndarray:
    """An exponential disc, thirty times thinner than wide."""
    radius, angle = rng.gamma(2.0, 1.0, count), rng.uniform(0, 2 * np.pi, count)
    return np.stack((radius * np.cos(angle), radius * np.sin(angle), 0.03 * rng.normal(size=count)), axis=1)


def fractal(rng: np.random.Generator, count: int) -> np.ndarray:
    """Each particle lies in a random one of two octants, level below level: fractal dimension about one."""
    position, size = np.zeros((count, 3)), 1.0
    for _ in range(16):
        corners = rng.permutation(8)[:2]
        chosen = corners[rng.integers(0, 2, count)]
        size /= 2
        position += size * ((chosen[:, None] >> np.arange(3)) & 1)
    return position + size * rng.uniform(0, 1, (count, 3))


def cluster_beside_void(rng: np.random.Generator, count: int) -> np.ndarray:
    position = 0.01 * rng.normal(size=(count, 3)) + 5.0
    position[:: max(count // 10, 1)] = rng.uniform(-10, 10, position[:: max(count // 10, 1)].shape)
    return position


def one_point(rng: np.random.Generator, count: int) -> np.ndarray:
    return np.full((count, 3), 0.3)


def coincident_pairs(rng: np.random.Generator, count: int) -> np.ndarray:
    position = plummer(rng, count)
    position[1::2] = position[: 2 * (count // 2) : 2]
    return position


def distant_outliers(rng: np.random.Generator, count: int) -> np.ndarray:
    """A hundredth of the particles lie a million times farther out."""
    position = plummer(rng, count)
    position[: max(count // 100, 1)] *= 1e6
    return position


DISTRIBUTIONS = [
    plummer,
    uniform,
    two_clusters,
    disc,
    fractal,
    cluster_beside_void,
    one_point,
    coincident_pairs,
    distant_outliers,
]
