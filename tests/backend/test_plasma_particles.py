"""Particles of a plasma against plain NumPy: gather, push, move, deposit, walls, and what is kept exactly."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from hpcphys.kernels import backend
from hpcphys.physics.plasma.particles import ParticleError, Particles, Species

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from plasma_grids import OneBlock, deposit, divergence, gather, owned

SPACING, DT = (0.5, 0.7, 0.6), 0.35
SHAPES = {1: (23,), 2: (21, 18), 3: (9, 8, 17)}
# axes, order, precision, gather, walls
CASES = [
    (1, 1, "double", "energy", None),
    (2, 2, "double", "energy", "reflecting"),
    (3, 1, "single", "energy", None),
    (3, 1, "single", "energy", "reflecting"),
    (3, 3, "double", "energy", None),
    (1, 0, "double", "momentum", None),
]


def plasma(axes, order, precision="double", gather="energy", walls=None, *, per_cell=6, seed=3, **options):
    """Particles of random weights in random fields; the fields, and the rows as they were given."""
    rng = np.random.default_rng(seed)
    species = options.pop("species", Species("electrons", -1.3, 1.7, tracked=True))
    blocks = OneBlock(SHAPES[axes], options.pop("guards", max(2, order + 1)), walls is None)
    boundaries = None if walls is None else dict.fromkeys(range(axes), (walls, walls))
    particles = Particles(
        species, blocks, SPACING[:axes], order=order, precision=precision, gather=gather,
        boundaries=boundaries, light_speed=1.1, **options,
    )  # fmt: skip
    n = per_cell * int(np.prod(blocks.shape))
    rows = {
        "position": rng.random((n, axes)) * np.array(blocks.shape) * SPACING[:axes],
        "momentum": 0.4 * rng.normal(size=(n, 3)),
        "weight": rng.random(n) + 0.5,
        "id": rng.permutation(n),
    }
    particles.add(**rows)
    fields = 0.4 * rng.normal(size=(2, 3, *blocks.local_shape)).astype(particles.real)
    for field in fields:
        blocks.fill(field)
    return particles, fields, rows


def by_id(rows):
    return {name: values[np.argsort(rows["id"])] for name, values in rows.items()}


def pushed(species, u, E, B, dt, c):
    """Boris's step in the textbook's words."""
    k = species.charge * dt / (2 * species.mass)
    u = u + k * E
    t = k * B / np.sqrt(1 + (u**2).sum(1, keepdims=True) / c**2)
    u = u + np.cross(u + np.cross(u, t), 2 * t / (1 + (t**2).sum(1, keepdims=True)))
    return u + k * E


def fields_at(particles, fields, cells):
    """(2, n, 3) E and B at the particles, by sums over the whole grid."""
    found = []
    for kind, field in enumerate(fields):
        each = []
        for c in range(3):
            halves = {a for a in range(particles.dimensions) if (a == c) != bool(kind)}
            value = field[c].astype(float)
            if particles.gather == "momentum":
                for a in halves:
                    value = 0.5 * (value + np.roll(value, 1, a))
                halves = set()
            each.append(gather(particles.blocks, value, cells, particles.order, halves, lower=True))
        found.append(np.stack(each, axis=1))
    return found


@pytest.mark.parametrize(
    "case", [CASES[0], CASES[2], (2, 2, "double", "energy", None), CASES[4], CASES[5]], ids=str
)
def test_step_is_numpys(case):
    particles, fields, given = plasma(*case)
    blocks, n = particles.blocks, particles.dimensions
    length = np.array(blocks.shape) * SPACING[:n]
    before = by_id(particles.rows())
    start = by_id(given)
    eps = np.finfo(particles.real).eps
    assert abs(before["position"] - start["position"]).max() < 20 * eps * length.max()
    E, B = fields_at(particles, fields, before["position"] / SPACING[:n])
    u = pushed(particles.species, before["momentum"], E, B, DT, 1.1)
    x = before["position"] + DT * (u / np.sqrt(1 + (u**2).sum(1, keepdims=True) / 1.21))[:, :n]
    particles.advance(fields[0], fields[1], np.zeros_like(fields[0]), DT)
    after = by_id(particles.rows())
    assert abs(after["momentum"] - u).max() < 40 * eps
    moved = (after["position"] - x + length / 2) % length - length / 2
    assert abs(moved).max() < 20 * eps * length.max()
    assert (after["weight"] == before["weight"]).all()
    charge = np.zeros(blocks.local_shape, particles.real)
    particles.deposit_charge(charge)
    weights = particles.species.charge * after["weight"] / np.prod(SPACING[:n])
    expected = deposit(blocks, after["position"] / SPACING[:n], weights, particles.order)
    blocks.sum(charge)
    blocks.sum(expected)
    assert abs(charge - expected).max() < 100 * eps * abs(expected).max()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_continuity_at_every_step(case):
    """(ρ(n+1) - ρ(n))/dt + ∇·J = 0 to round-off, at the nodes of walls as well."""
    particles, (E, B), _ = plasma(*case)
    blocks, count = particles.blocks, particles.count
    largest = 0.0
    charges = []
    for _ in range(4):
        J = np.zeros_like(E)
        charges.append(charge_of(particles))
        particles.advance(E, B, J, DT)
        particles.migrate()
        blocks.sum(J)
        blocks.fill(J)
        after = charge_of(particles)
        residual = (after - charges[-1]) / DT + divergence(J.astype(float), SPACING[: particles.dimensions])
        residual = owned(blocks, residual)
        if (
            case[4] and particles.order == 2
        ):  # shapes reach through walls: what lies behind them is the field's affair
            residual = residual[(slice(1, -1),) * particles.dimensions]
        largest = max(largest, abs(residual).max() * DT / abs(after).max())
    assert largest < (2e-15 if case[2] == "double" else 1e-6)
    assert abs(charges[0] - charges[-1]).max() > 1e-2 * abs(charges[0]).max()
    assert particles.count == count


def charge_of(particles):
    charge = np.zeros(particles.blocks.local_shape, particles.real)
    particles.deposit_charge(charge)
    particles.blocks.sum(charge)
    return charge.astype(float)


def test_direct_deposition_is_the_charge_conserving_one_to_second_order():
    """Half the step: a quarter of the difference, relative to the current; on straight paths."""
    differences = []
    for dt in (0.1, 0.05):
        currents = []
        for deposition in ("direct", "charge_conserving"):
            particles, fields, _ = plasma(2, 2, deposition=deposition)
            currents.append(np.zeros_like(fields[0]))
            particles.advance(0 * fields[0], 0 * fields[1], currents[-1], dt)
        assert abs(currents[0].sum((1, 2)) - currents[1].sum((1, 2))).max() < 1e-12 * abs(currents[0]).sum()
        differences.append(np.linalg.norm(currents[0] - currents[1]) / np.linalg.norm(currents[1]))
    assert differences[0] / differences[1] == pytest.approx(4.0, rel=0.15)


@pytest.mark.parametrize("case", [CASES[1], CASES[3]], ids=str)
def test_reflecting_walls(case):
    """Free particles between walls are those of a box twice as long, folded."""
    particles, fields, _ = plasma(*case)
    n, start = particles.dimensions, by_id(particles.rows())
    for _ in range(5):
        particles.advance(0 * fields[0], fields[1] * 0, np.zeros_like(fields[0]), DT)
    after = by_id(particles.rows())
    length = np.array(particles.blocks.shape) * SPACING[:n]
    v = start["momentum"] / np.sqrt(1 + (start["momentum"] ** 2).sum(1, keepdims=True) / 1.21)
    unfolded = (start["position"] + 5 * DT * v[:, :n]) % (2 * length)
    expected = np.where(unfolded > length, 2 * length - unfolded, unfolded)
    assert (unfolded > length).any(axis=0).all()
    eps = np.finfo(particles.real).eps
    assert abs(after["position"] - expected).max() < 40 * eps * length.max()
    assert (abs(after["momentum"]) == abs(start["momentum"])).all()


@pytest.mark.parametrize("case", [(2, 2, "double", "energy"), (3, 1, "single", "energy")], ids=str)
def test_absorbing_walls(case):
    particles, fields, _ = plasma(*case, "absorbing")
    n, start = particles.dimensions, by_id(particles.rows())
    energy = particles.kinetic_energy()
    particles.advance(0 * fields[0], fields[1] * 0, np.zeros_like(fields[0]), DT)
    v = start["momentum"] / np.sqrt(1 + (start["momentum"] ** 2).sum(1, keepdims=True) / 1.21)
    end = start["position"] + DT * v[:, :n]
    length = np.array(particles.blocks.shape) * SPACING[:n]
    stay = ((end > 0) & (end < length)).all(axis=1)
    assert particles.count == stay.sum() < len(stay)
    losses = particles.boundary_losses
    assert sum(loss["count"] for loss in losses.values()) == (~stay).sum()
    assert sum(loss["weight"] for loss in losses.values()) == pytest.approx(
        start["weight"][~stay].sum(), rel=1e-6
    )
    lost = sum(loss["energy"] for loss in losses.values())
    assert energy - particles.kinetic_energy() == pytest.approx(lost, rel=1e-5)
    assert all(loss["count"] > 0 for loss in losses.values())


@pytest.mark.parametrize(("axes", "walls"), [(1, None), (2, None), (1, "reflecting")])
def test_electrostatic_step(axes, walls):
    """In E and a uniform B, with particles that cross several cells in a step."""
    species = Species("ions", 0.7, 2.0, relativistic=False, tracked=True)
    particles, (E, _), _ = plasma(axes, axes, "double", walls=walls, species=species, guards=6)
    start, B0 = by_id(particles.rows()), np.array([0.3, -0.5, 0.8])
    eps, n = np.finfo(particles.real).eps, axes
    cells = start["position"] / SPACING[:n]
    field = fields_at(particles, [E, 0 * E], cells)[0]
    u = pushed(species, start["momentum"], field, np.broadcast_to(B0, field.shape), 1.5, np.inf)
    length = np.array(particles.blocks.shape) * SPACING[:n]
    expected = start["position"] + 1.5 * u[:, :n]
    assert (abs(expected - start["position"]) > 2 * np.array(SPACING[:n])).any()
    rho = np.zeros(particles.blocks.local_shape)
    particles.advance_electrostatic(E, B0, rho, 1.5)
    particles.blocks.sum(rho)
    after = by_id(particles.rows())
    if walls is None:
        assert abs(after["momentum"] - u).max() < 40 * eps
        assert (
            abs((after["position"] - expected + length / 2) % length - length / 2).max()
            < 60 * eps * length.max()
        )
    else:
        unfolded = expected % (2 * length)
        folded = np.where(unfolded > length, 2 * length - unfolded, unfolded)
        assert abs(after["position"] - folded).max() < 60 * eps * length.max()
    assert abs(rho - charge_of(particles)).max() < 1e-14 * abs(rho).max()


def test_too_far_is_an_error_that_names_the_particle():
    particles, (E, B), _ = plasma(1, 1)
    particles.add([[3.3]], [[40.0, 0.0, 0.0]], [1.0], [-1])
    with pytest.raises(
        ParticleError, match=r"\[3\.3.*would move .* in a step of 0.46; at most 1 along an axis"
    ):
        particles.advance(0 * E, 0 * B, np.zeros_like(E), 0.46)


@pytest.mark.parametrize("case", [CASES[2], CASES[1]], ids=str)
def test_threads_and_restarts_change_no_bit(case):
    states = []
    for threads, tile in ((1, None), (3, None)):
        particles, (E, B), _ = plasma(*case, backend=backend("cpu", threads=threads), tile=tile, per_cell=20)
        for _ in range(3):
            J = np.zeros_like(E)
            particles.advance(E, B, J, DT)
            particles.migrate()
        states.append((particles, J, particles.saved()))
    assert (states[0][1] == states[1][1]).all()
    for name, values in states[0][2].items():
        assert values.tobytes() == states[1][2][name].tobytes()
    restored, (E, B), _ = plasma(*case)
    restored.restore(states[0][2])
    assert restored.count == states[0][0].count
    currents = [np.zeros_like(E), np.zeros_like(E)]
    for found, J in zip((states[0][0], restored), currents, strict=True):
        for _ in range(2):
            J[:] = 0
            found.advance(E, B, J, DT)
    assert (currents[0] == currents[1]).all()
    for name, values in states[0][0].saved().items():
        assert values.tobytes() == restored.saved()[name].tobytes()


@pytest.mark.parametrize("machine", ["HPC_NO_AVX512", "HPC_GENERIC"])
def test_other_vector_units_give_the_same(machine, monkeypatch):
    """Two rows of particles in different registers: sums differ by round-off, particles hardly."""
    known, (E, B), _ = plasma(2, 2, walls="reflecting")
    defines = Particles._defines
    monkeypatch.setattr(Particles, "_defines", lambda self: {**defines(self), machine: 1})
    other, _, _ = plasma(2, 2, walls="reflecting")
    currents = []
    for particles in (known, other):
        J = np.zeros_like(E)
        for _ in range(3):
            particles.advance(E, B, J, DT)
        currents.append(J)
    assert abs(currents[0] - currents[1]).max() < 1e-13 * abs(currents[0]).max()
    rows = [by_id(particles.rows()) for particles in (known, other)]
    assert abs(rows[0]["position"] - rows[1]["position"]).max() < 1e-13
    assert abs(rows[0]["momentum"] - rows[1]["momentum"]).max() < 1e-13


def test_memory_of_many_particles():
    """Free slots, waiting lists and work space included: at most 36 bytes with a weight of its own."""
    species = Species("electrons", -1.0, 1.0)
    blocks = OneBlock((32, 32, 32), 2)
    particles = Particles(species, blocks, (0.1,) * 3, order=1)
    rng = np.random.default_rng(5)
    for layer in range(16):
        n = 2 * 32 * 32 * 32
        position = (rng.random((n, 3)) * [2, 32, 32] + [2 * layer, 0, 0]) * 0.1
        particles.add(position, 0.1 * rng.normal(size=(n, 3)), np.ones(n))
    E = np.zeros((3, *blocks.local_shape), np.float32)
    for _ in range(4):
        particles.advance(E, E, np.zeros_like(E), 0.05)
    assert particles.count == 32**4
    assert particles.bytes_per_particle < 36


@pytest.mark.parametrize("pusher", ["boris", "vay", "higuera_cary"])
def test_pushers_are_exact_where_they_claim_it(pusher):
    """Drift: u stays where E + v × B = 0 (Vay, Higuera-Cary).  Gyration: 2 atan(Ω dt/2γ) a step, |u| kept."""
    species = Species("electrons", -1.0, 1.0, pusher=pusher, tracked=True)
    blocks = OneBlock((16,), 2)
    E, B = np.zeros((2, 3, *blocks.local_shape))
    B[2], dt = 0.8, 0.3
    v = 0.6
    drift = np.array([v, 0.0, 0.0]) / np.sqrt(1 - v**2)
    E[1] = v * B[2]  # E_y = v_x B_z
    particles = Particles(species, blocks, (1.0,), precision="double")
    particles.add([[8.0]], [drift], [1.0], [0])
    for _ in range(20):
        particles.advance(E, B, np.zeros_like(E), dt)
    kept = abs(particles.rows()["momentum"][0] - drift).max()
    assert kept > 1e-3 if pusher == "boris" else kept < 1e-13
    particles = Particles(species, blocks, (1.0,), precision="double")
    u0 = np.array([0.5, 0.0, 0.3])
    particles.add([[8.0]], [u0], [1.0], [0])
    steps, tau, gamma = 10, 0.8 * dt / 2, np.sqrt(1 + (u0**2).sum())
    if pusher == "higuera_cary":  # the mean velocity's γ
        sigma = gamma**2 - tau**2
        gamma = np.sqrt((sigma + np.sqrt(sigma**2 + 4 * (tau**2 + (tau * u0[2]) ** 2))) / 2)
    for _ in range(steps):
        particles.advance(0 * E, B, np.zeros_like(E), dt)
    u = particles.rows()["momentum"][0]
    assert abs((u**2).sum() - (u0**2).sum()) < 1e-14
    phase = steps * 2 * np.arctan(tau / gamma)  # a negative charge turns to the left about B
    assert abs(np.arctan2(u[1], u[0]) - phase) < 1e-14


def test_moments_and_sums():
    particles, _, _ = plasma(2, 2, "double", "energy", "reflecting")
    rows, n = particles.rows(), 2
    u, w = rows["momentum"], rows["weight"]
    v = u / np.sqrt(1 + (u**2).sum(1, keepdims=True) / 1.21)
    names = ("p_xy", "density", "v_z")
    found = particles.moments(*names)
    values = {"density": w, "v_z": w * v[:, 2], "p_xy": 1.7 * w * u[:, 0] * v[:, 1]}
    for name, moment in zip(names, found, strict=True):
        expected = deposit(particles.blocks, rows["position"] / SPACING[:n], values[name], 2) / np.prod(
            SPACING[:n]
        )
        assert abs(moment - expected).max() < 1e-13 * abs(expected).max()
    sums = particles.sums()
    gamma = np.sqrt(1 + (u**2).sum(1) / 1.21)
    assert sums["energy"] == pytest.approx((w * 1.7 * 1.21 * (gamma - 1)).sum(), rel=1e-13)
    assert sums["flux"] == pytest.approx(w @ v, rel=1e-12)
    assert sums["momentum"] == pytest.approx(1.7 * (w @ u), rel=1e-12)
    assert particles.work.sum() == particles.count
    assert sum(len(rows["weight"]) for rows in particles.chunks(500)) == particles.count


def test_kick_is_the_push_alone():
    particles, fields, _ = plasma(1, 1)
    before = by_id(particles.rows())
    E, B = fields_at(particles, fields, before["position"] / SPACING[:1])
    particles.kick(fields[0], fields[1], -DT / 2)
    after = by_id(particles.rows())
    expected = pushed(particles.species, before["momentum"], E, B, -DT / 2, 1.1)
    assert abs(after["momentum"] - expected).max() < 1e-14
    assert (after["position"] == before["position"]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"position": [[1.0], [99.0]]}, "row 1 at .* lies outside this block"),
        ({"momentum": [[0, 0, np.nan], [0, 0, 0]]}, "row 0 is not finite"),
        ({"weight": None}, "weight: one for each row is needed"),
        ({"id": [1]}, r"id of shape \(1,\) for 2 rows"),
    ],
    ids=str,
)
def test_rows_that_do_not_fit(change, message):
    particles, _, _ = plasma(1, 1)
    rows = {"position": [[1.0], [2.0]], "momentum": np.zeros((2, 3)), "weight": [1, 1], "id": [1, 2]}
    count = particles.count
    with pytest.raises(ParticleError, match=message):
        particles.add(**{**rows, **change})
    assert particles.count == count


def test_choices_that_do_not_fit():
    electrons, grid = Species("electrons", -1.0, 1.0), OneBlock((16, 16), 2)
    with pytest.raises(ParticleError, match="order 0 has no shape one order lower"):
        Particles(electrons, grid, (1, 1), order=0)
    with pytest.raises(ParticleError, match="plasma particles run on the CPU"):
        Particles(electrons, grid, (1, 1), backend=backend("emulated"))
    with pytest.raises(ParticleError, match="deposition 'smooth'"):
        Particles(electrons, grid, (1, 1), deposition="smooth")
    with pytest.raises(ParticleError, match="2 guards; order 2 needs 3"):
        Particles(electrons, grid, (1, 1), order=2)
    with pytest.raises(ParticleError, match="boundaries of axis x: reflecting"):
        Particles(electrons, grid, (1, 1), boundaries={0: ("reflecting", "reflecting")})
    with pytest.raises(ParticleError, match="boundaries of axis y: missing"):
        Particles(electrons, OneBlock((16, 16), 2, (True, False)), (1, 1))
    with pytest.raises(ParticleError, match="reach 2: with 2 guards and order 1"):
        Particles(electrons, grid, (1, 1), reach=2)
    with pytest.raises(ParticleError, match="mass above 0"):
        Species("electrons", -1.0, 0.0)
    with pytest.raises(ParticleError, match="pusher 'leap' is unknown"):
        Species("electrons", -1.0, 1.0, pusher="leap")
