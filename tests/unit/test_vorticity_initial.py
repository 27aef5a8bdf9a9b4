"""Initial flows: what they are, and that neither grid nor ranks change them."""

from __future__ import annotations

import numpy as np
import pytest

from hpcphys.initial.vorticity import PHYSICAL, SPECTRAL
from hpcphys.physics.vorticity.grid import VorticityGrid
from hpcphys.physics.vorticity.reference import ReferenceEngine

TWO = [
    {"x": 2.0, "y": 3.0, "circulation": 2.0, "radius": 0.4},
    {"x": 4.0, "y": 3.5, "circulation": -1.0, "radius": 0.5},
]
CASES = {
    "taylor_green": {"wavenumber": 3},
    "eigenmode": {"wavenumber_squared": 25, "seed": 3},
    "random": {"peak": 3.0, "seed": 5},
    "vortices": {"vortices": TWO},
    "rest": {},
}


def energy(grid: VorticityGrid, modes: np.ndarray) -> float:
    return float(0.5 * (grid.weight * np.abs(modes) ** 2 * grid.inverse_k2).sum())


def points(grid: VorticityGrid) -> tuple[np.ndarray, np.ndarray]:
    x = np.arange(grid.n) * grid.length / grid.n
    return x, x[:, None]


@pytest.mark.parametrize("name", sorted(SPECTRAL))
def test_a_finer_grid_has_the_same_modes(name):
    coarse, fine = VorticityGrid(48), VorticityGrid(96)
    few, many = (SPECTRAL[name](grid, **CASES[name]) for grid in (coarse, fine))
    same = many[: coarse.cutoff + 1, np.abs(fine.ky) <= coarse.cutoff]
    assert np.array_equal(few, same)


@pytest.mark.parametrize("name", sorted(SPECTRAL))
def test_ranks_share_one_flow(name):
    whole = SPECTRAL[name](VorticityGrid(32), **CASES[name])
    parts = [SPECTRAL[name](VorticityGrid(32, rank=rank, size=15), **CASES[name]) for rank in range(15)]
    assert np.array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize("name", sorted(SPECTRAL))
def test_the_flow_is_real_and_has_no_mean(name):
    grid = VorticityGrid(48)
    modes = SPECTRAL[name](grid, **CASES[name])
    assert modes[0, 0] == 0.0
    assert np.array_equal(modes[0, 1 : grid.cutoff + 1], np.conj(modes[0, : grid.cutoff : -1]))


def test_energies_are_what_is_asked_for():
    grid = VorticityGrid(64, length=3.0)
    assert energy(grid, SPECTRAL["random"](grid, peak=3.0, energy=0.7, seed=1)) == pytest.approx(
        0.7, rel=1e-12
    )
    assert energy(grid, SPECTRAL["eigenmode"](grid, energy=0.3)) == pytest.approx(0.3, rel=1e-12)
    assert energy(grid, SPECTRAL["taylor_green"](grid, speed=2.0)) == pytest.approx(1.0, rel=1e-12)


def test_seeds_make_different_flows():
    grid = VorticityGrid(32)
    first, second = (SPECTRAL["random"](grid, peak=3.0, seed=seed) for seed in (1, 2))
    assert np.abs(first - second).max() > 0.1 * np.abs(first).max()


def test_vortices_have_their_form():
    grid = VorticityGrid(128)
    rows = ReferenceEngine(grid).physical(SPECTRAL["vortices"](grid, vortices=TWO))
    x, y = points(grid)
    mean = sum(v["circulation"] for v in TWO) / grid.length**2
    exact = np.full_like(rows, -mean)
    for v in TWO:
        for i, j in np.ndindex(3, 3):
            dx, dy = x + (i - 1) * grid.length - v["x"], y + (j - 1) * grid.length - v["y"]
            height = v["circulation"] / (np.pi * v["radius"] ** 2)
            exact += height * np.exp(-(dx**2 + dy**2) / v["radius"] ** 2)
    assert np.abs(rows - exact).max() < 1e-12


def test_the_dipole_moves_along_its_axis():
    """-u·∇ω = -U ∂ω/∂n at the start: the rate of change of the first moment of ω² is its speed."""
    grid = VorticityGrid(128, length=8.0)
    engine, (x, y) = ReferenceEngine(grid), points(grid)
    for angle in (0.0, 90.0, 210.0):
        modes = engine.spectral(PHYSICAL["lamb_dipole"](x, y, 8.0, radius=1.0, speed=0.7, angle=angle))
        vorticity, rate = engine.physical(modes), engine.physical(engine.tendency(modes))
        square = (vorticity**2).sum()
        speed = [float((2 * vorticity * rate * axis).sum() / square) for axis in (x[None, :], y)]
        expected = 0.7 * np.array([np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))])
        assert np.abs(speed - expected).max() < 0.06  # images slow it down by about (R/L)²


def test_the_shear_layer_is_the_curl_of_its_velocity():
    n = 256
    x = np.arange(n) / n
    y = x[:, None]
    vorticity = PHYSICAL["shear_layer"](x, y, 1.0, steepness=30.0, perturbation=0.05)
    u = np.where(y <= 0.5, np.tanh(30.0 * (y - 0.25)), np.tanh(30.0 * (0.75 - y))) + 0.0 * x
    grid = VorticityGrid(n, length=1.0)
    engine = ReferenceEngine(grid)
    found, _ = engine.velocity(engine.spectral(vorticity))
    assert np.abs(found - u).max() < 1e-6


def test_what_is_not_resolved_is_refused():
    grid = VorticityGrid(16)
    with pytest.raises(ValueError, match="resolves wavenumbers 1 to 5"):
        SPECTRAL["taylor_green"](grid, wavenumber=6)
    with pytest.raises(ValueError, match="peak: found 9"):
        SPECTRAL["random"](grid, peak=9.0)
    with pytest.raises(ValueError, match="wavenumber_squared: found 3"):
        SPECTRAL["eigenmode"](grid, wavenumber_squared=3)
    with pytest.raises(ValueError, match="radius: found 5"):
        PHYSICAL["lamb_dipole"](*points(grid), 8.0, radius=5.0)
