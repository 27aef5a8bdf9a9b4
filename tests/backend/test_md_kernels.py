"""Flows of many atoms and of rigid molecules: the kernels md_*.h against NumPy."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from hpcphys.compiler.flows.noise import normals
from hpcphys.kernels import backend

sys.path.insert(0, str(Path(__file__).resolve().parent))
from reference import MACHINES

N = 1500  # no multiple of a tile, of a block of sums or of the lanes


@pytest.fixture(params=MACHINES)
def machine(request):
    return backend(request.param)


def rows(seed=1, count=N):
    """Positions, velocities, forces and masses."""
    rng = np.random.default_rng(seed)
    return *rng.normal(size=(3, count, 3)), rng.uniform(1, 3, count)


@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_kicks_and_drifts(machine, kind):
    x, v, f, m = rows()
    f = f.astype(kind)
    suffix = "64" if kind is np.float64 else "32"
    module = machine.module("md_flows")
    given = [machine.array(a) for a in (f, m)]
    found = machine.array(v.copy())
    module.launch("kick" + suffix, N, found, *given, 0.3)
    kicked = v + 0.3 * f.astype(float) / m[:, None]
    np.testing.assert_allclose(machine.host(found), kicked, rtol=0, atol=1e-14)
    place = machine.array(x.copy())
    module.launch("drift", N, place, found, 0.2)
    np.testing.assert_allclose(machine.host(place), x + 0.2 * kicked, rtol=0, atol=1e-14)
    # Both in one pass give the same numbers.
    both, there = machine.array(v.copy()), machine.array(x.copy())
    module.launch("kick_drift" + suffix, N, both, there, *given, 0.3, 0.2)
    np.testing.assert_array_equal(machine.host(both), machine.host(found))
    np.testing.assert_array_equal(machine.host(there), machine.host(place))


@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_linear_maps_of_rows(machine, kind):
    x, v, f, m = rows()
    rng = np.random.default_rng(2)
    own, other, origin = rng.normal(size=(3, 3)), rng.normal(size=(3, 3)), rng.normal(size=3)
    module = machine.module("md_flows")
    matrices = machine.array(np.concatenate([own.ravel(), other.ravel()]))
    f = f.astype(kind)
    for mass in (m, None):
        found = machine.array(v.copy())
        name = "affine64" if kind is np.float64 else "affine32"
        given = None if mass is None else machine.array(mass)
        module.launch(name, N, found, machine.array(f), given, matrices)
        wanted = v @ own.T + f.astype(float) @ other.T / (1 if mass is None else m[:, None])
        np.testing.assert_allclose(machine.host(found), wanted, rtol=0, atol=1e-13)
    found = machine.array(x.copy())
    module.launch("transform", N, found, machine.array(own), machine.array(origin))
    np.testing.assert_allclose(machine.host(found), origin + (x - origin) @ own.T, rtol=0, atol=1e-13)


def test_scalings_and_energies(machine):
    _, v, _, m = rows()
    module = machine.module("md_flows")
    found = machine.array(v.copy())
    module.launch("scale", 3 * N, found, 1.7)
    np.testing.assert_array_equal(machine.host(found), 1.7 * v)
    group = np.random.default_rng(3).integers(0, 3, N).astype(np.int32)
    factors = np.array([0.5, 2.0, 3.0])
    module.launch("scale_groups", N, found, machine.array(group), machine.array(factors))
    np.testing.assert_allclose(machine.host(found), 1.7 * v * factors[group][:, None], rtol=1e-15)
    heat = machine.zeros(N)
    module.launch("add_energy", N, machine.array(v), machine.array(m), -2.0, heat)
    np.testing.assert_allclose(machine.host(heat), -m * (v**2).sum(axis=1), rtol=1e-14)


def test_kinetic_tensors(machine):
    _, v, _, m = rows()
    module = machine.module("md_flows")
    full = np.einsum("i,ia,ib->iab", m, v, v)
    wanted = full[:, [0, 1, 2, 1, 2, 2], [0, 1, 2, 0, 0, 1]]
    each, blocks = machine.zeros((N, 6)), machine.zeros((2, 6))
    module.launch("tensor_rows", N, machine.array(v), machine.array(m), each)
    np.testing.assert_allclose(machine.host(each), wanted, rtol=1e-13)
    module.launch("tensor_blocks", 2, N, machine.array(v), machine.array(m), blocks)
    np.testing.assert_allclose(machine.host(blocks), [wanted[:1024].sum(0), wanted[1024:].sum(0)], atol=1e-10)


def test_noise_belongs_to_the_atom(machine):
    _, v, _, m = rows(count=37)
    ids = np.arange(37)[::-1] + (1 << 40)
    heat = machine.zeros(37)
    found = machine.array(v.copy())
    arrays = (found, machine.array(m), machine.array(ids))
    machine.module("md_noise").launch("ornstein_uhlenbeck", 37, *arrays, 11, 5, 2, 0.8, 0.6, heat)
    xi = np.stack(normals(11, ids, 5, 2, 3), axis=1)
    wanted = 0.8 * v + 0.6 / np.sqrt(m)[:, None] * xi
    np.testing.assert_allclose(machine.host(found), wanted, rtol=0, atol=2e-14)
    gain = 0.5 * m * ((wanted**2).sum(axis=1) - (v**2).sum(axis=1))
    np.testing.assert_allclose(machine.host(heat), gain, rtol=0, atol=1e-13)


# ---- molecules -----------------------------------------------------------------------------------------

BOX = np.array([[9.0, 0, 0], [2.0, 8.0, 0], [-1.0, 1.5, 7.0]])


def frame(machine):
    h = BOX
    edges = 1.0 / np.diag(h)
    return machine.array(np.array([h[0, 0], h[1, 0], h[1, 1], h[2, 0], h[2, 1], h[2, 2], *edges]))


def scattered(molecules, atoms, size, seed=5):
    """Whole places (molecules, atoms, 3), what wrapping takes off, wrapped rows, velocities, table."""
    rng = np.random.default_rng(seed)
    whole = rng.uniform(0, 1, (molecules, 1, 3)) @ BOX + rng.uniform(-size, size, (molecules, atoms, 3))
    shift = np.floor(whole @ np.linalg.inv(BOX)) @ BOX
    order = rng.permutation(molecules * atoms)
    x, v = np.empty((molecules * atoms, 3)), rng.normal(size=(molecules * atoms, 3))
    x[order] = (whole - shift).reshape(-1, 3)
    return whole, shift, x, v, order.reshape(molecules, atoms).astype(np.int32)


@pytest.mark.parametrize("images", [True, False])
def test_centres_move_and_shapes_stay(machine, images):
    count, atoms = 21, 3
    whole, shift, x, v, table = scattered(count, atoms, 0.8)
    if not images:
        x[table.ravel()] = whole.reshape(-1, 3)
        shift = np.zeros_like(shift)
    rng = np.random.default_rng(6)
    m, f = rng.uniform(1, 4, len(x)), rng.normal(size=(len(x), 3))
    p, q, origin, change = (0.1 * rng.normal(size=s) for s in ((3, 3), (3, 3), 3, (3, 3)))
    change = np.tril(change)
    given = machine.array(np.concatenate([p.ravel(), q.ravel()]))
    c = change
    about = machine.array(np.array([*origin, c[0, 0], c[1, 0], c[1, 1], c[2, 0], c[2, 1], c[2, 2]]))
    module, box = machine.module("md_molecules"), frame(machine) if images else None
    own = (atoms, machine.array(table))
    mass = m[table][..., None]
    centre_v = (mass * v[table]).sum(1) / mass.sum(1)

    tensors = machine.zeros((count, 9))
    place, force, masses = machine.array(x), machine.array(f), machine.array(m)
    module.launch("internal_virials64", count, *own, place, force, masses, box, tensors)
    centre = (mass * whole).sum(1) / mass.sum(1)
    wanted = np.einsum("mka,mkb->mab", whole - centre[:, None], f[table])
    np.testing.assert_allclose(machine.host(tensors).reshape(-1, 3, 3), wanted, rtol=0, atol=1e-12)
    kinetic = machine.zeros((count, 6))
    module.launch("centre_tensors", count, *own, machine.array(v), masses, kinetic)
    full = mass.sum(1)[..., None] * centre_v[:, :, None] * centre_v[:, None, :]
    np.testing.assert_allclose(
        machine.host(kinetic), full[:, [0, 1, 2, 1, 2, 2], [0, 1, 2, 0, 0, 1]], rtol=0, atol=1e-12
    )

    module.launch("move_centres", count, *own, place, machine.array(v), masses, 0.2, given, about, box)
    # In the frame of the first atom's image, whose own box vectors stay where they are.
    first = centre - shift[:, 0]
    moved = (first - origin) @ p.T + centre_v @ q.T
    turns = np.rint((shift - shift[:, :1]) @ np.linalg.inv(BOX))
    wanted = whole - shift + moved[:, None] + 0.2 * v[table] - turns @ change
    np.testing.assert_allclose(machine.host(place)[table], wanted, rtol=0, atol=1e-12)

    fast = machine.array(v.copy())
    module.launch("kick_molecules64", count, *own, fast, force, masses, 0.2, given)
    push = centre_v @ p.T + (f[table].sum(1) / mass.sum(1)) @ q.T
    wanted = v[table] + push[:, None] + 0.2 * f[table] / mass
    np.testing.assert_allclose(machine.host(fast)[table], wanted, rtol=0, atol=1e-12)


def water(machine, molecules=37):
    """Triangles of apex mass 16, others 1, bond 1, angle 109.47 degrees, anywhere in the box."""
    angle, apex, other = np.deg2rad(109.47), 16.0, 1.0
    half, height = np.sin(angle / 2), np.cos(angle / 2)
    above = 2 * other * height / (apex + 2 * other)
    shape = np.array([apex, other, above, height - above, half])
    rng = np.random.default_rng(7)
    base = np.array([[0, 0, 0], [-half, -height, 0], [half, -height, 0]])
    turns = np.linalg.qr(rng.normal(size=(molecules, 3, 3)))[0]
    whole = rng.uniform(0, 1, (molecules, 1, 3)) @ BOX + np.einsum("mab,kb->mka", turns, base)
    x, v = whole.reshape(-1, 3), rng.normal(size=(3 * molecules, 3))
    x = x - np.floor(x @ np.linalg.inv(BOX)) @ BOX
    bonds = np.array([[-half, -height], [half, -height], [2 * half, 0.0]])
    a, b = 1 / apex, 1 / other
    coupling = np.array([[a + b, a, -b], [a, a + b, b], [-b, b, 2 * b]])
    inverse = np.linalg.inv((bonds @ bonds.T) * coupling)
    mass = np.tile([apex, other, other], molecules)
    lengths = np.tile([1.0, 1.0, 2 * half], (molecules, 1))
    return x, v, mass, shape, inverse, lengths


def test_settle_is_shake_and_rattle(machine):
    """The closed form meets the iteration of constraints.h, virial included."""
    count = 37
    x, v, mass, shape, inverse, lengths = water(machine, count)
    table = np.arange(3 * count, dtype=np.int32).reshape(count, 3)
    columns, box = machine.array(table.T.copy()), frame(machine)
    settle = machine.module("md_settle")
    general = machine.module("constraints", ATOMS=3, BONDS=3, PAIRS="0,1,0,2,1,2")
    shape, inverse = machine.array(shape), machine.array(inverse)

    def arrays():
        return [machine.array(x.copy()), machine.array(v.copy()), machine.zeros((count, 6))]

    given = (machine.array(table), machine.array(lengths), machine.array(mass))
    a, b = arrays(), arrays()
    status, impulses = machine.zeros(count, np.int64), machine.zeros((count, 3))
    settle.launch("settle_velocities", count, columns, shape, inverse, a[0], a[1], box, a[2])
    general.launch("rattle", count, *given, b[0], b[1], 1e-14, 50, impulses, b[2], status, box)
    np.testing.assert_allclose(machine.host(a[1]), machine.host(b[1]), rtol=0, atol=1e-13)
    np.testing.assert_allclose(machine.host(a[2]), machine.host(b[2]), rtol=0, atol=1e-12)

    failed, dt = machine.zeros(1, np.int64), 0.05
    for one in (a, b):
        machine.module("md_flows").launch("drift", 3 * count, one[0], one[1], dt)
    settle.launch("settle", count, columns, shape, a[0], a[1], dt, box, a[2], failed)
    args = (1e-14, 50, impulses, b[2], status, box)
    general.launch("shake", count, *given, None, b[0], b[1], dt, *args)
    assert not machine.host(failed)[0]
    np.testing.assert_allclose(machine.host(a[0]), machine.host(b[0]), rtol=0, atol=1e-12)
    np.testing.assert_allclose(machine.host(a[1]), machine.host(b[1]), rtol=0, atol=1e-11)
    np.testing.assert_allclose(machine.host(a[2]), machine.host(b[2]), rtol=0, atol=1e-10)

    machine.module("md_flows").launch("drift", 3 * count, a[0], a[1], 30.0)
    settle.launch("settle", count, columns, shape, a[0], a[1], 30.0, box, None, failed)
    assert 1 <= machine.host(failed)[0] <= count


def test_chains_are_solved_as_a_whole(machine):
    """Twelve bonds: Newton's method on three diagonals meets bond-by-bond iteration, in few steps."""
    count, atoms = 9, 13
    rng = np.random.default_rng(8)
    step = rng.normal(size=(count, atoms, 3))
    step /= np.linalg.norm(step, axis=2, keepdims=True)
    x = np.cumsum(step, axis=1).reshape(-1, 3) + 50.0
    mass, lengths = rng.uniform(1, 3, len(x)), np.ones((count, atoms - 1))
    pairs = ",".join(f"{k},{k + 1}" for k in range(atoms - 1))
    defines = {"ATOMS": atoms, "BONDS": atoms - 1, "PAIRS": pairs}
    table = np.arange(len(x), dtype=np.int32).reshape(count, atoms)
    given = [machine.array(a) for a in (table, lengths, mass)]
    moved, found = x + 0.02 * rng.normal(size=x.shape), []
    for more, iterations in (({"CHAIN": 1}, 6), ({}, 500)):
        place, speed = machine.array(moved.copy()), machine.zeros(x.shape)
        status = machine.zeros(count, np.int64)
        args = (machine.array(x), place, speed, 1.0, 1e-13, iterations, None, None, status, None)
        machine.module("constraints", **defines, **more).launch("shake", count, *given, *args)
        assert not machine.host(status).any()
        found.append(machine.host(place))
    np.testing.assert_allclose(found[0], found[1], rtol=0, atol=1e-11)
    length = np.linalg.norm(np.diff(found[0].reshape(count, atoms, 3), axis=1), axis=2)
    assert np.abs(length - 1).max() < 1e-12
