"""Poisson's equation, absorbing layers, antennas, external fields and filters."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hpcphys.decomposition.communicator import Communicator
from hpcphys.decomposition.grids import GridBlocks
from hpcphys.kernels import backend
from hpcphys.physics.plasma.fields import (
    Antenna,
    ExternalFields,
    Maxwell,
    Poisson,
    binomial_filter,
    gaussian_pulse,
    plane_wave,
)
from hpcphys.physics.plasma.fields.antennas import peak_field

MACHINE = backend("cpu", threads=1)
SHAPES = {1: (24,), 2: (16, 10), 3: (8, 6, 10)}


def grid(shape, periodic=True, guards=2):
    return GridBlocks(shape, Communicator.serial(), guards, periodic=periodic, backend=MACHINE)


def charges(blocks, rng):
    rho = np.zeros(blocks.local_shape)
    rho[blocks.owned] = rng.normal(size=blocks.count)
    if all(blocks.periodic):
        rho[blocks.owned] -= rho[blocks.owned].mean()
    for axis in range(len(blocks.shape)):
        if blocks.boundary(axis, 0):
            rho[(slice(None),) * axis + (blocks.guards,)] = 0
    return rho


WALLS = {1: [True, False], 2: [True, False, (True, False)], 3: [True, False, (True, False, True)]}


@pytest.mark.parametrize(("axes", "periodic"), [(a, p) for a in WALLS for p in WALLS[a]], ids=str)
@pytest.mark.parametrize("precision", ["double", "single"])
def test_poisson_gives_fields_that_obey_gauss(axes, periodic, precision):
    blocks = grid(SHAPES[axes], periodic)
    spacing = (0.3, 0.5, 0.7)[:axes]
    made = Maxwell(blocks, spacing, permittivity=0.6, precision=precision)
    rho = charges(blocks, np.random.default_rng(2)).astype(made.E.dtype)
    made.initial_E(rho)
    assert made.gauss_residual(rho) < (1e-13 if precision == "double" else 3e-6)
    # E is a gradient: its curl vanishes, and with it what Faraday's law does
    made.faraday(1.0)
    assert abs(made.B).max() < (1e-13 if precision == "double" else 3e-6) * abs(made.E).max() / 0.3
    # and of the potential that is asked for
    E, phi = np.empty_like(made.E), np.empty_like(made.rho)
    Poisson(blocks, spacing, permittivity=0.6, precision=precision).solve(rho, E, phi)
    slope = (phi - np.roll(phi, -1, axis=0)) / 0.3
    inner = blocks.owned
    assert abs(slope[inner] - E[0][inner]).max() < (1e-13 if precision == "double" else 1e-5) * abs(E).max()
    for axis in range(axes):
        if not blocks.periodic[axis]:
            wall = phi[(slice(None),) * axis + (blocks.guards,)]
            assert abs(wall).max() < (1e-13 if precision == "double" else 1e-5) * abs(phi).max()


def test_poisson_in_fourier_space_is_exact_for_plane_waves():
    blocks = grid((16, 12))
    x, y = np.meshgrid(0.3 * np.arange(16), 0.4 * np.arange(12), indexing="ij")
    k = np.array([2 * math.pi * 3 / 4.8, -2 * math.pi * 2 / 4.8])
    rho, E = np.zeros(blocks.local_shape), np.zeros((3, *blocks.local_shape))
    rho[blocks.owned] = np.cos(k[0] * x + k[1] * y)
    Poisson(blocks, (0.3, 0.4), symbol="exact").solve(rho, E)
    expected = k[0] / (k @ k) * np.sin(k[0] * (x + 0.15) + k[1] * y)
    assert abs(E[0][blocks.owned] - expected).max() < 1e-13


@pytest.mark.parametrize("shape", [(16,), (16, 12), (8, 6, 10)])
def test_psatd_keeps_gauss_and_the_exact_answer_to_a_constant_current(shape):
    """A current of the grid's own continuity keeps i k·E = ρ; uniform J and B alone give -J t/ε0."""
    made = Maxwell(grid(shape), 0.4, solver="psatd", light_speed=1.4, permittivity=0.6)
    blocks, dt = made.blocks, 0.7
    rho = charges(blocks, np.random.default_rng(4))
    made.initial_E(rho)
    assert made.gauss_residual(rho) < 1e-12
    inner = (slice(None), *blocks.owned)
    rng = np.random.default_rng(6)
    for _ in range(5):
        made.J[inner] = rng.normal(size=made.J[inner].shape)
        blocks.fill(made.J)
        for a in range(len(shape)):
            rho[blocks.owned] -= dt * ((made.J[a] - np.roll(made.J[a], 1, axis=a)) / 0.4)[blocks.owned]
        made.ampere(dt)
    assert made.gauss_residual(rho) < 1e-12
    made.E[...], made.B[...], made.J[...] = 0, 0.3, 0
    made.J[2] = 2.0
    made.ampere(dt)
    assert abs(made.E[2] + 2.0 * dt / 0.6).max() < 1e-13
    assert abs(made.B - 0.3).max() < 1e-13


def reflected(angle, solver, duration, width=16.0):
    """Energy left of two pulses that met absorbing faces at an angle, over what they had.

    E_z alone is a packet that goes both ways, with no magnetic charge that would stay.
    """
    n = 160
    blocks = grid((n, n), (False, True))
    made = Maxwell(blocks, 1.0, solver=solver, boundaries={0: "absorbing"}, layers=10)
    dt = 0.7 / math.sqrt(2)
    k = 2 * math.pi / 12 * np.array([math.cos(angle), math.sin(angle)])
    x, y = np.meshgrid(np.arange(n) - 80.0, np.arange(n) - 80.0, indexing="ij", sparse=True)
    made.E[2][blocks.owned] = np.exp(-(x**2 + y**2) / (2 * width**2)) * np.cos(k[0] * x + k[1] * y)
    made.fill_E()
    first = sum(part.sum() for part in made.energy().values())
    for _ in range(int(duration / dt)):
        made.faraday(dt)
        made.ampere(dt, current=False)
    return sum(part.sum() for part in made.energy().values()) / first


@pytest.mark.parametrize(
    ("angle", "solver", "duration"), [(0, "yee", 200), (45, "yee", 350), (0, "cole_karkkainen_cowan", 200)]
)
def test_layers_absorb_what_meets_them(angle, solver, duration):
    """Ten cells return less than 1e-4 of the amplitude, 1e-8 of the energy."""
    assert reflected(math.radians(angle), solver, duration) < 1e-8


def test_an_antenna_sends_the_amplitude_that_was_asked_for():
    """Twelve cells to a wavelength: without the cosine the amplitude would be 3.5 % too large."""
    blocks = grid((400,), False)
    made = Maxwell(blocks, 0.5, boundaries={0: "absorbing"}, light_speed=1.2, permittivity=0.8)
    dt = 0.9 * made.stable_step()
    omega = 2 * math.pi * 1.2 / 6.0
    shape = plane_wave(omega, rise=40.0)
    antenna = Antenna(
        made,
        axis=0,
        position=150,
        amplitude=0.3,
        frequency=omega,
        waveform=shape,
        dt=dt,
        polarisation=(0.6, 0.8j),
    )
    seen = []
    for step in range(int(260 / dt)):
        made.J[...] = 0
        made.finish_currents()
        antenna.drive((step + 0.5) * dt)
        made.faraday(dt)
        made.ampere(dt)
        if step * dt > 200:
            seen.append(made.E[1:, 250].copy())
    assert np.max(np.abs(seen), axis=0) == pytest.approx([0.18, 0.24], rel=5e-3)


def test_a_laser_pulse_has_its_amplitude_waist_and_duration_at_the_focus():
    blocks = grid((150, 240), False)
    dx, wavelength = 1.0, 12.0
    made = Maxwell(blocks, dx, boundaries={0: "absorbing", 1: "absorbing"})
    dt = 0.9 * made.stable_step()
    omega = 2 * math.pi / wavelength
    a0, waist, duration, focus = 0.1, 36.0, 24.0, 100.0
    shape = gaussian_pulse(omega, waist=waist, duration=duration, centre=70.0, focus=focus, transverse_axes=1)
    antenna = Antenna(
        made, axis=0, position=15, amplitude=peak_field(a0, omega), frequency=omega, waveform=shape,
        dt=dt, polarisation=(0.0, 1.0),
    )  # fmt: skip
    rows, times = [], []
    for step in range(int((70 + focus + 3 * duration) / dt)):
        made.J[...] = 0
        antenna.drive((step + 0.5) * dt)
        made.faraday(dt)
        made.ampere(dt)
        rows.append(made.E[2, 2 + 15 + int(focus), 2:-2].copy())
        times.append((step + 1) * dt)
    seen = np.array(rows)
    # moments of the energy: E² ~ exp(-2 t²/duration²) exp(-2 y²/waist²)
    energy = seen**2
    total = energy.sum()
    y = np.arange(240) - 120.0
    t = np.array(times)
    mean = (energy.sum(axis=1) * t).sum() / total
    found_duration = 2 * math.sqrt((energy.sum(axis=1) * (t - mean) ** 2).sum() / total)
    found_waist = 2 * math.sqrt((energy.sum(axis=0) * y**2).sum() / total)
    assert found_duration == pytest.approx(duration, rel=0.01)
    assert found_waist == pytest.approx(waist, rel=0.01)
    # ∫E² dt dy = E0² (π/4)(duration waist)/√… over the carrier's mean square
    area = total * dt * dx
    found_a0 = math.sqrt(2 * area / (0.5 * math.pi * duration * waist)) / omega
    assert found_a0 == pytest.approx(a0, rel=0.01)


def test_external_fields_are_added_where_they_are_asked_for():
    made = Maxwell(grid((8, 6)), (0.5, 0.25), precision="single")
    made.E[...] = 1.0
    outside = ExternalFields(
        made.geometry,
        {"E_x": "a*x", "E_z": "y*cos(t)", "B_y": 3.0},
        origin=(1.0, -1.0),
        parameters={"a": 2.0},
    )
    E, B = outside.total(made.E, made.B, 0.7)
    x = 1.0 + 0.5 * (np.arange(-2, 10) + 0.5)
    y = -1.0 + 0.25 * np.arange(-2, 8)
    np.testing.assert_allclose(E[0], 1 + (2 * x)[:, None] * np.ones(10), rtol=1e-6)
    np.testing.assert_allclose(E[2], 1 + np.cos(0.7) * y * np.ones((12, 1)), rtol=1e-5, atol=1e-6)
    assert (E[1] == 1).all()
    assert (B[1] == 3).all()
    assert (made.E == 1).all()
    again, _ = outside.total(made.E, made.B, 0.0)
    np.testing.assert_allclose(again[2], 1 + y * np.ones((12, 1)), rtol=1e-5, atol=1e-6)
    only, same = ExternalFields(made.geometry, {"E_x": 1.0}).total(made.E, made.B, 0.0)
    assert same is made.B
    assert only is not made.E
    with pytest.raises(ValueError, match="E_y is inf at x = 0, y ="):
        ExternalFields(made.geometry, {"E_y": "1/x"})
    with pytest.raises(ValueError, match="allowed are E_x"):
        ExternalFields(made.geometry, {"E_w": 1.0})


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_filters_have_their_response_and_keep_continuity(axes):
    shape = (24, 12, 16)[:axes]
    made = Maxwell(grid(shape), 0.5)
    blocks = made.blocks
    along = np.meshgrid(*[2 * math.pi * 2 * np.arange(n) / n for n in shape], indexing="ij", sparse=True)
    value = np.cos(sum(along))
    for passes, compensated in ((1, False), (3, False), (2, True)):
        made.rho[blocks.owned] = value
        blocks.fill(made.rho)
        binomial_filter(made.geometry, made.walls, made.rho, passes, compensated)
        response = 1.0
        for n in shape:
            c = math.cos(2 * math.pi * 2 / n)
            w = 1 + 0.5 * passes
            response *= (0.5 + 0.5 * c) ** passes * ((w + (1 - w) * c) if compensated else 1.0)
        assert abs(made.rho[blocks.owned] - response * value).max() < 1e-14
    with pytest.raises(ValueError, match="none or more"):
        binomial_filter(made.geometry, made.walls, made.rho, -1)


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("periodic", [True, False])
def test_filtered_currents_obey_continuity(axes, periodic):
    rng = np.random.default_rng(11)
    made = Maxwell(grid(SHAPES[axes], periodic, guards=3), 0.5, filter_passes=2, compensated=True)
    blocks, dt = made.blocks, 0.1
    deposit = rng.normal(size=made.J.shape)
    for c in range(3):
        for a in range(axes):  # nothing is deposited more than two cells outside
            ends = (slice(None),) * a
            deposit[c][(*ends, slice(0, 1))] = deposit[c][(*ends, slice(-1, None))] = 0
    before = np.zeros(blocks.local_shape)
    after = before.copy()
    for a in range(axes):
        after -= dt * (deposit[a] - np.roll(deposit[a], 1, axis=a)) / 0.5
    made.J[...] = deposit
    made.finish_currents()
    made.finish_charge(before)
    made.finish_charge(after)
    assert made.continuity_residual(before, after, made.J, dt) < 1e-13
