"""Operators on the amplitudes of fields whose derivatives are known, on any number of ranks."""

from __future__ import annotations

import numpy as np
import pytest

from hpcphys.compiler import PhysicalSystem, State, compile_structure
from hpcphys.compiler.structures import Structure
from hpcphys.decomposition.communicator import Communicator
from hpcphys.decomposition.pencils.transform import FourierTransform
from hpcphys.spectral import (
    InverseLaplacian,
    SpectralGrid,
    dealias,
    derivative,
    diffusion,
    hou_li,
    inverse_laplacian,
    laplacian,
    translation,
    two_thirds,
)

pytestmark = pytest.mark.mpi

LENGTHS = {(18, 20): (3.0, 5.0), (9, 12, 10): (2.0, 3.0, 4.0)}


@pytest.fixture(scope="module")
def ranks():
    return Communicator.start(abort_hook=False)


@pytest.fixture(
    scope="module", params=[(shape, real) for shape in LENGTHS for real in (True, False)], ids=str
)
def field(request, ranks):
    """A grid, this rank's points of it, and the smallest wavevector along each axis."""
    shape, real = request.param
    transform = FourierTransform(shape, ranks, real, effort="estimate", library="arrays")
    grid = SpectralGrid(transform, LENGTHS[shape])
    axes = [np.arange(n) * (length / n) for n, length in zip(shape, grid.length, strict=True)]
    x = [part[transform.physical.slices] for part in np.meshgrid(*axes, indexing="ij")]
    k = [2 * np.pi / length for length in grid.length]
    return grid, x, k


def smooth(grid, phase):
    """sin of a phase, as points of the transform's type."""
    return np.sin(phase).astype(grid.transform.physical_type)


def test_derivatives_of_waves(field):
    grid, x, k = field
    transform = grid.transform
    phase = k[0] * x[0] + 2 * k[1] * x[1] + 0.3
    amplitudes = transform.forward(smooth(grid, phase))
    before = amplitudes.copy()
    for axis, m in ((0, 1), (1, 2)):
        rate = m * k[axis]
        for order, wanted in enumerate((np.sin, np.cos, lambda p: -np.sin(p), lambda p: -np.cos(p))):
            found = transform.backward(derivative(grid, amplitudes, axis, order))
            assert np.abs(found - rate**order * wanted(phase)).max() < 1e-12 * max(1, rate**order)
    k2 = k[0] ** 2 + 4 * k[1] ** 2
    assert np.abs(transform.backward(laplacian(grid, amplitudes)) + k2 * np.sin(phase)).max() < 1e-11
    found = transform.backward(inverse_laplacian(grid, amplitudes, 2))
    assert np.abs(found - np.sin(phase) / k2**2).max() < 1e-14
    assert (amplitudes == before).all()
    with pytest.raises(ValueError, match="must not be negative"):
        derivative(grid, amplitudes, 0, -1)


def test_the_wavenumber_that_stands_for_both_signs_has_no_odd_derivative(field):
    """(-1)^j is the highest wave of an even axis: its first derivative is 0, its second -k² (-1)^j."""
    grid, x, k = field
    transform = grid.transform
    n = transform.shape[1]
    wave = np.cos(n // 2 * k[1] * x[1]).astype(transform.physical_type)
    amplitudes = transform.forward(wave)
    assert np.abs(transform.backward(derivative(grid, amplitudes, 1))).max() < 1e-12
    second = transform.backward(derivative(grid, amplitudes, 1, 2))
    assert np.abs(second / (n // 2 * k[1]) ** 2 + wave).max() < 1e-12


def test_inverse_laplacian_undoes_the_laplacian_but_for_the_mean(field):
    grid, x, k = field
    transform = grid.transform
    points = (np.exp(np.sin(k[0] * x[0]) + np.cos(k[1] * x[1])) + 1).astype(transform.physical_type)
    restored = transform.backward(inverse_laplacian(grid, laplacian(grid, transform.forward(points))))
    mean = transform.communicator.allreduce(points.sum().real) / np.prod(transform.shape)
    assert np.abs(restored - (points - mean)).max() < 1e-13
    assert abs(mean) > 1


def test_two_thirds_makes_products_exact(field):
    """Of two dealiased fields the kept part of the product is the convolution: the same on a finer grid."""
    grid, _, _ = field
    transform, shape = grid.transform, grid.transform.shape
    mask = two_thirds(grid)
    modes = (np.array(shape) - 1) // 3
    rng = np.random.default_rng(4)
    fine = tuple(2 * n for n in shape)
    coarse_points, fine_points = [], []
    for _ in range(2):
        spectrum = np.zeros(shape, complex)
        window = np.ix_(*[np.arange(-m, m + 1) for m in modes])
        spectrum[window] = rng.normal(size=[2 * m + 1 for m in modes])
        wide = np.zeros(fine, complex)
        wide[window] = spectrum[window]
        coarse, finer = (np.fft.ifftn(s, norm="forward") for s in (spectrum, wide))
        if transform.real:
            coarse, finer = coarse.real, finer.real
        coarse_points.append(coarse)
        fine_points.append(finer)
    product = (coarse_points[0] * coarse_points[1])[transform.physical.slices].copy()
    found = dealias(grid, transform.forward(product))
    exact = np.fft.fftn(fine_points[0] * fine_points[1], norm="forward")
    picked = exact[np.ix_(*[np.ravel(m) for m in grid.indices])]
    scale = np.abs(exact).max()
    assert np.abs(found - mask * picked).max() < 1e-13 * scale
    assert transform.communicator.allreduce(np.abs((1 - mask) * found).max(), "max") == 0
    assert transform.communicator.allreduce(mask.sum()) < np.prod(transform.spectral.shape)


def test_hou_li_keeps_the_low_and_ends_the_high(field):
    grid, _, _ = field
    factor = hou_li(grid)
    relative = np.max(np.broadcast_arrays(*[grid.relative(axis) for axis in range(len(grid.length))]), axis=0)
    assert np.abs(factor[relative < 0.3] - 1).max(initial=0) < 1e-15
    assert factor[relative == 1].max(initial=0) < 1e-15
    assert ((factor >= 0) & (factor <= 1)).all()
    with pytest.raises(ValueError, match="use one of two_thirds, hou_li"):
        dealias(grid, factor, "three_halves")


class Dissipative(Structure):
    """A structure for the pieces below: nothing of it is used but its name."""

    name, equation = "none", "du/dt = ..."

    def bracket(self, z, gradient):
        return {}

    def reverse(self, state):
        raise NotImplementedError


def test_compiled_pieces_carry_and_diffuse_a_field_exactly(field):
    """Strang steps of two commuting exact flows: u(x - c t) damped by exp(-ν k⁴ t), at any step."""
    grid, x, k = field
    transform = grid.transform
    velocity = [0.5, -0.25, 0.125][: len(x)]
    phase = k[0] * x[0] + 2 * k[1] * x[1]
    k2 = k[0] ** 2 + 4 * k[1] ** 2
    state = State({"field": transform.forward(smooth(grid, phase))})
    pieces = (diffusion(grid, "field", 1e-3, power=2), translation(grid, "field", velocity))
    solve = InverseLaplacian(grid, "field", "potential")
    program = compile_structure(PhysicalSystem(state, pieces, Dissipative(), (solve,)), "strang", dt=0.1)
    for _ in range(3):
        program.step(outputs=("potential",))
    moved = phase - 0.3 * (k[0] * velocity[0] + 2 * k[1] * velocity[1])
    wanted = np.exp(-1e-3 * k2**2 * 0.3) * np.sin(moved)
    assert np.abs(transform.backward(state["field"]) - wanted).max() < 1e-13
    assert np.abs(transform.backward(state["potential"]) + wanted / k2).max() < 1e-13


def test_lengths_must_fit_the_field(ranks):
    transform = FourierTransform((8, 8), ranks, library="arrays")
    for length in (-1.0, (1.0,), (1.0, 2.0, 3.0), (1.0, np.inf)):
        with pytest.raises(ValueError, match="one positive number is needed, or 2"):
            SpectralGrid(transform, length)
