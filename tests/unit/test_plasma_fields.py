"""Maxwell's equations on Yee's grid: dispersion, Gauss's law, energy, walls, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hpcphys.decomposition.communicator import Communicator
from hpcphys.decomposition.grids import GridBlocks
from hpcphys.kernels import backend
from hpcphys.physics.plasma.fields import Maxwell
from hpcphys.physics.plasma.fields.geometry import ELECTRIC, MAGNETIC
from hpcphys.physics.plasma.fields.stencils import symbol

MACHINE = backend("cpu", threads=1)
SHAPES = {1: ((24,), (0.3,)), 2: ((16, 12), (0.3, 0.4)), 3: ((8, 12, 6), (0.3, 0.2, 0.5))}


def fields(axes, periodic=True, guards=2, **options):
    shape, spacing = SHAPES[axes]
    blocks = GridBlocks(shape, Communicator.serial(), guards, periodic=periodic, backend=MACHINE)
    return Maxwell(blocks, spacing, **options)


def wave(made, amplitude, k, omega, time, between):
    """Re a_c exp(i(k·x - ω t)) of one component at its own places, guards included."""
    along = made.geometry.coordinates(between, (0.0,) * made.geometry.axes)
    mesh = np.meshgrid(*along, indexing="ij", sparse=True)
    phase = sum(kk * x for kk, x in zip(k, mesh, strict=True)) - omega * time
    return np.real(amplitude * np.exp(1j * phase))


def plane_wave(made, modes, dt):
    """(ω, E amplitudes, B amplitudes) of a wave that the grid itself carries: k̃×Ẽ = Ω B̃."""
    shape, spacing = made.blocks.shape, made.geometry.spacing
    k = [2 * math.pi * m / (n * d) for m, n, d in zip(modes, shape, spacing, strict=False)]
    omega = made.frequency(k, dt)
    full = [*k, *(0.0,) * (3 - len(k))]
    tilde = np.array(
        [
            2 / d * math.sin(0.5 * q * d) if math.isfinite(d) else 0.0
            for q, d in zip(full, spacing, strict=True)
        ]
    )
    other = np.array([0.3, -0.7, 0.5]) if abs(tilde[0]) > 0 else np.array([1.0, 0.2, 0.3])
    electric = np.cross(tilde, other)
    ring = 2 / dt * math.sin(0.5 * omega * dt)
    if made.solver == "psatd":
        electric, tilde, ring = np.cross(full, other), np.array(full), omega
        return k, omega, electric, np.cross(tilde, electric) / ring
    weights = made.weights
    averaged = []
    for a in range(3):
        p, q = (b for b in range(3) if b != a)
        c = [math.cos(full[b] * spacing[b]) if math.isfinite(spacing[b]) else 1.0 for b in (p, q)]
        w = weights[a]
        averaged.append(tilde[a] * (w[0] + 2 * w[1] * c[0] + 2 * w[2] * c[1] + 4 * w[3] * c[0] * c[1]))
    return k, omega, electric, np.cross(averaged, electric) / ring


CASES = [
    (axes, solver, modes)
    for axes, modes in ((1, (5,)), (2, (3, -2)), (2, (8, 6)), (3, (1, 3, -1)), (3, (4, 0, 3)))
    for solver in ("yee", "cole_karkkainen_cowan", "psatd")
    if not (solver == "psatd" and (8 in modes or 4 in modes))
]


@pytest.mark.parametrize(("axes", "solver", "modes"), CASES, ids=str)
def test_plane_waves_move_exactly_as_the_dispersion_says(axes, solver, modes):
    made = fields(axes, solver=solver, light_speed=1.3, permittivity=0.7)
    dt = 0.9 * min(made.stable_step(), 0.4)
    k, omega, electric, magnetic = plane_wave(made, modes, dt)
    late = 0.0 if solver == "psatd" else 0.5 * dt
    for c in range(3):
        made.E[c] = wave(made, electric[c], k, omega, 0.0, ELECTRIC[c])
        made.B[c] = wave(made, magnetic[c], k, omega, -late, MAGNETIC[c])
    steps = 60
    for _ in range(steps):
        made.faraday(dt)
        made.ampere(dt, current=False)
    scale = abs(electric).max()
    for c in range(3):
        expected = wave(made, electric[c], k, omega, steps * dt, ELECTRIC[c])
        assert abs(made.E[c] - expected).max() < 1e-12 * scale * 1.3
        expected = wave(made, magnetic[c], k, omega, steps * dt - late, MAGNETIC[c])
        assert abs(made.B[c] - expected).max() < 1e-12 * scale * 1.3
    if solver != "psatd":
        assert math.sin(0.5 * omega * dt) ** 2 / (1.3 * dt) ** 2 == pytest.approx(
            float(symbol(made.weights, made.geometry.spacing, [*k, 0, 0][:3])), rel=1e-12
        )


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_averaged_curls_are_stable_up_to_the_smallest_spacing(axes):
    made = fields(axes, solver="cole_karkkainen_cowan", light_speed=2.0)
    smallest = min(made.geometry.spacing)
    assert made.stable_step() == pytest.approx(smallest / 2, rel=1e-12)
    rng = np.random.default_rng(3)
    k = [
        rng.uniform(-math.pi, math.pi, 20000) / d if math.isfinite(d) else 0.0 for d in made.geometry.spacing
    ]
    assert symbol(made.weights, made.geometry.spacing, k).max() <= (1 + 1e-12) / smallest**2
    # no dispersion along the axis of the smallest spacing
    a = made.geometry.spacing.index(smallest)
    vector = [0.0] * 3
    vector[a] = 0.7 * math.pi / smallest
    assert made.frequency(vector[:axes], made.stable_step()) == pytest.approx(2 * vector[a], rel=1e-9)


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize("precision", ["double", "single"])
def test_gauss_continuity_and_energy(axes, periodic, precision):
    """Random fields and currents: ∇·E follows the charge, ∇·B stays, a leapfrog energy is constant."""
    made = fields(axes, periodic=periodic, precision=precision, permittivity=0.7)
    rng = np.random.default_rng(5)
    inner = (slice(None), *made.blocks.owned)
    walled = not periodic
    made.E[inner] = rng.normal(size=made.E[inner].shape)
    if periodic:
        made.B[inner] = rng.normal(size=made.B[inner].shape)
    made.fill_E()
    made.fill_B()
    dt, eps = 0.5 * made.stable_step(), 2e-15 if precision == "double" else 1e-6
    charge = made.rho.astype(np.float64)
    for step in range(40):
        made.J[...] = 0
        made.J[inner] = rng.normal(size=made.J[inner].shape)
        made.finish_currents()
        before = charge.copy()
        if step == 0:
            charge = divergence(made, made.E) * made.permittivity
            before = charge.copy()
            first = divergence(made, made.B, upper=True)
        made.blocks.fill(made.J)
        made.walls.mirror_electric(made.J)
        charge = charge - dt * divergence(made, made.J)
        residual = made.continuity_residual(
            before.astype(made.E.dtype), charge.astype(made.E.dtype), made.J, dt
        )
        assert residual < 50 * eps
        made.faraday(dt)
        made.ampere(dt)
    assert made.gauss_residual(charge.astype(made.E.dtype)) < 100 * eps
    change = abs(divergence(made, made.B, upper=True) - first).max() / abs(made.B).max()
    assert change * min(made.geometry.spacing) < 100 * eps
    assert (made.magnetic_divergence() < 100 * eps) == walled
    energies = []
    for _ in range(50):
        old = made.B.copy()
        made.faraday(dt, guards=1)
        electric = made.energy()["electric"].sum()
        product = np.sum(old[inner].astype(float) * made.B[inner]) * made.geometry.volume
        energies.append(electric + 0.5 * made.permittivity * product)
        made.ampere(dt, current=False)
    assert np.ptp(energies) < 100 * eps * energies[0]
    owned = made.E[inner].astype(float)
    direct = 0.5 * 0.7 * made.geometry.volume * (owned**2).sum(axis=tuple(range(1, axes + 1)))
    np.testing.assert_allclose(made.energy()["electric"], direct, rtol=1e-13)


def divergence(made, field, upper=False):
    """∇·field on owned nodes (upper: in owned cells), in double precision; 0 on walls."""
    total = np.zeros(made.blocks.local_shape)
    for a in range(made.geometry.axes):
        values = field[a].astype(np.float64)
        beyond = np.roll(values, -1, axis=a) - values if upper else values - np.roll(values, 1, axis=a)
        total += beyond / made.geometry.spacing[a]
    kept = np.zeros_like(total)
    place = tuple(
        slice(s.start + made.blocks.boundary(a, 0), s.stop) for a, s in enumerate(made.blocks.owned)
    )
    kept[place] = total[place]
    return kept


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_walls_reflect_as_an_odd_periodic_box_does(axes):
    """A grid between conductors along x is half of a periodic one with odd and even fields, bit for bit."""
    shape, spacing = SHAPES[axes]
    n = shape[0]
    serial = Communicator.serial()
    half = Maxwell(
        GridBlocks(shape, serial, 2, periodic=(False,) + (True,) * (axes - 1), backend=MACHINE), spacing
    )
    whole = Maxwell(GridBlocks((2 * n, *shape[1:]), serial, 2, backend=MACHINE), spacing)
    rng = np.random.default_rng(8)
    inner = (slice(None), *half.blocks.owned)
    for field, fill in ((half.E, half.fill_E), (half.B, half.fill_B), (half.J, half.finish_currents)):
        field[inner] = rng.normal(size=field[inner].shape)
        fill()
    half.walls.mirror_electric(half.J)
    half.blocks.fill(half.J)
    for a, b, places in (
        (half.E, whole.E, ELECTRIC),
        (half.B, whole.B, MAGNETIC),
        (half.J, whole.J, ELECTRIC),
    ):
        for c in range(3):
            owned = a[c][half.blocks.owned]
            both = np.zeros((2 * n, *shape[1:]))
            both[:n] = owned
            if places[c][0]:
                both[n:] = owned[::-1]
            else:
                both[n + 1 :] = -owned[:0:-1]
                assert (owned[0] == 0).all()
            b[c][whole.blocks.owned] = both
    whole.fill_E()
    whole.fill_B()
    dt = 0.9 * half.stable_step()
    for _ in range(3 * n):
        for made in (half, whole):
            made.faraday(dt)
            made.ampere(dt)
    found = whole.E[(slice(None), slice(2, 2 + n), *half.blocks.owned[1:])]
    assert abs(found - half.E[inner]).max() < 1e-13 * abs(found).max()


def test_deposits_behind_walls_come_back_from_image_charges():
    made = fields(1, periodic=False)
    made.J[...] = 1.0
    made.rho[...] = 1.0
    made.finish_currents(charge=True)
    assert (made.J[0][2:-2] == [2, 2, *[1] * 20, 2, 2]).all()
    assert (made.J[1][2:-2] == [0, 0, 0, *[1] * 20, 0]).all()
    assert (made.rho[2:-2] == [0, 0, 0, *[1] * 20, 0]).all()


def test_what_does_not_fit_is_refused():
    blocks = GridBlocks((16, 16), Communicator.serial(), 2, periodic=(True, False))
    for options, words in (
        ({"solver": "leap"}, "unknown; use one of yee"),
        ({"solver": "psatd"}, "needs all axes periodic"),
        ({"precision": "half"}, "single, double"),
        ({"light_speed": 0.0}, "must be positive"),
        ({"boundaries": {0: "absorbing"}}, "make blocks and boundaries agree"),
        ({"boundaries": {1: ("periodic", "conducting")}}, "make blocks and boundaries agree"),
        ({"boundaries": {1: "open"}}, "two of periodic, conducting, absorbing"),
        ({"boundaries": {2: "conducting"}}, "2 axes"),
        ({"boundaries": {1: "absorbing"}, "layers": 8}, "fewer than the 16 cells"),
    ):
        with pytest.raises(ValueError, match=words):
            Maxwell(blocks, 0.1, **options)
    with pytest.raises(ValueError, match="2 positive numbers"):
        Maxwell(blocks, (0.1, -1.0))
