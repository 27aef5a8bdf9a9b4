"""One rank's blocks of a grid, and what plain NumPy makes of particles on it."""

from __future__ import annotations

import itertools

import numpy as np

from hpcphys.decomposition.communicator import Communicator


class OneBlock:
    """A whole grid as one block with guards: what particles ask of decomposition.grids.GridBlocks."""

    def __init__(self, shape, guards=2, periodic=True):
        self.shape, self.guards = tuple(shape), guards
        self.start, self.count = (0,) * len(shape), self.shape
        self.periodic = (periodic,) * len(shape) if isinstance(periodic, bool) else tuple(periodic)
        self.local_shape = tuple(n + 2 * guards for n in shape)
        self.communicator = Communicator.serial()

    def boundary(self, axis, side):
        return not self.periodic[axis]

    def send_records(self, buffers):
        assert not buffers
        return []

    def sum(self, array):
        """Guards of periodic axes are added to the cells that they stand for."""
        g = self.guards
        for axis, periodic in enumerate(self.periodic):
            if periodic:
                along = np.moveaxis(array, axis + array.ndim - len(self.shape), 0)
                n = self.shape[axis]
                for layer in itertools.chain(range(g), range(g + n, n + 2 * g)):
                    along[g + (layer - g) % n] += along[layer]
                    along[layer] = 0

    def fill(self, array):
        g = self.guards
        for axis, periodic in enumerate(self.periodic):
            if periodic:
                along = np.moveaxis(array, axis + array.ndim - len(self.shape), 0)
                n = self.shape[axis]
                for layer in itertools.chain(range(g), range(g + n, n + 2 * g)):
                    along[layer] = along[g + (layer - g) % n]


def shape_function(order, x):
    """The B-spline of degree `order` at the distance x, in cells."""
    x = np.abs(x)
    if order == 0:
        return np.where(x < 0.5, 1.0, 0.0)
    if order == 1:
        return np.maximum(1 - x, 0)
    if order == 2:
        return np.where(x < 0.5, 0.75 - x**2, np.where(x < 1.5, 0.5 * (1.5 - x) ** 2, 0.0))
    return np.where(x < 1, 2 / 3 - x**2 + x**3 / 2, np.where(x < 2, (2 - x) ** 3 / 6, 0.0))


def weights_at(blocks, cells, order, shift, axis):
    """(n, points): weights of the local array's points along one axis; shift 1/2: of half-way points."""
    points = np.arange(blocks.local_shape[axis]) - blocks.guards + blocks.start[axis] + shift
    orders = order if np.isscalar(order) else order[axis]
    return shape_function(orders, cells[:, axis, None] - points)


def deposit(blocks, cells, values, order):
    """Σ values S S S on nodes, guards left as they are."""
    each = [weights_at(blocks, cells, order, 0.0, a) for a in range(len(blocks.shape))]
    letters = "abc"[: len(each)]
    return np.einsum("i," + ",".join("i" + q for q in letters) + "->" + letters, values, *each)


def gather(blocks, field, cells, order, halves, lower):
    """Field at the particles; halves: axes along which it lies half-way; lower: one order lower there."""
    each = []
    for a in range(len(blocks.shape)):
        half = a in halves
        each.append(weights_at(blocks, cells, order - (half and lower), 0.5 * half, a))
    letters = "abc"[: len(each)]
    return np.einsum(letters + "," + ",".join("i" + q for q in letters) + "->i", field, *each)


def divergence(J, spacing):
    """Σ_a (J_a[i] - J_a[i-1])/Δ_a: of Yee's currents, at nodes."""
    total = 0
    for a, h in enumerate(spacing):
        total = total + (J[a] - np.roll(J[a], 1, a)) / h
    return total


def owned(blocks, array, nodes=True):
    """Without guards; with the last nodes of axes that are not periodic."""
    g = blocks.guards
    places = tuple(
        slice(g, g + n + (nodes and not p)) for n, p in zip(blocks.shape, blocks.periodic, strict=True)
    )
    return array[(..., *places)]
