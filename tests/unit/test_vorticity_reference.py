"""The plain right-hand side and step: against the exact convolution, exact solutions and its order."""

from __future__ import annotations

import numpy as np
import pytest

from hpcphys.compiler import State
from hpcphys.initial.vorticity import SPECTRAL
from hpcphys.physics.vorticity.damping import Damping
from hpcphys.physics.vorticity.grid import VorticityGrid
from hpcphys.physics.vorticity.reference import ReferenceEngine


def random_modes(grid: VorticityGrid, seed: int = 1) -> np.ndarray:
    """All modes of size 1."""
    modes = ReferenceEngine(grid).spectral(np.random.default_rng(seed).normal(size=(grid.n, grid.n)))
    return modes * grid.n


def convolution(grid: VorticityGrid, modes: np.ndarray) -> np.ndarray:
    """-u·∇ω mode by mode:  Σ_{p+q=k} (p_y q_x - p_x q_y)/p² ω̂_p ω̂_q."""
    known = {}
    for i, kx in enumerate(grid.kx):
        for j, ky in enumerate(grid.ky):
            known[kx, ky] = modes[i, j]
            known[-kx, -ky] = np.conj(modes[i, j])
    found = np.zeros_like(modes)
    place = {(int(kx), int(ky)): (i, j) for i, kx in enumerate(grid.kx) for j, ky in enumerate(grid.ky)}
    for p, first in known.items():
        if p == (0, 0):
            continue
        for q, second in known.items():
            k = (int(p[0] + q[0]), int(p[1] + q[1]))
            if k in place:
                cross = p[1] * q[0] - p[0] * q[1]
                found[place[k]] += cross / (p[0] ** 2 + p[1] ** 2) * first * second
    return found


@pytest.mark.parametrize("n", [13, 16])
def test_the_tendency_is_the_exact_convolution(n):
    grid = VorticityGrid(n)
    modes = random_modes(grid)
    exact = convolution(grid, modes)
    error = np.abs(ReferenceEngine(grid).tendency(modes) - exact).max()
    assert error < 1e-14 * np.abs(exact).max()


@pytest.mark.parametrize("dealias", ["two_thirds", "hou_li"])
def test_truncation_makes_no_energy(dealias):
    """With the 2/3 rule energy and enstrophy are conserved to rounding; a filter on a full grid leaves
    aliases."""
    grid = VorticityGrid(48, dealias=dealias)
    modes = random_modes(grid)
    rate = ReferenceEngine(grid).tendency(modes)
    power = grid.weight * (np.conj(modes) * rate).real
    size = np.sqrt((grid.weight * np.abs(modes) ** 2).sum() * (grid.weight * np.abs(rate) ** 2).sum())
    production = abs(power.sum()) / size, abs((power * grid.inverse_k2).sum()) / size
    if dealias == "two_thirds":
        assert max(production) < 1e-15
    else:
        assert max(production) > 1e-6


def test_transforms_are_inverse_and_oriented():
    """ω = cos(2x) + 3 sin(5y): first index along y."""
    grid = VorticityGrid(24)
    points = np.arange(24) * grid.length / 24
    rows = np.cos(2 * points)[None, :] + 3 * np.sin(5 * points)[:, None]
    engine = ReferenceEngine(grid)
    modes = engine.spectral(rows)
    assert modes[2, 0] == pytest.approx(0.5)
    assert modes[0, 5] == pytest.approx(-1.5j)
    assert np.abs(engine.physical(modes) - rows).max() < 1e-14
    u, v = engine.velocity(modes)
    assert np.abs(v - 0.5 * np.sin(2 * points)[None, :]).max() < 1e-14  # ω = ∂x v - ∂y u
    assert np.abs(u - 0.6 * np.cos(5 * points)[:, None]).max() < 1e-14


def test_taylor_green_decays_as_it_must():
    grid = VorticityGrid(32)
    start = SPECTRAL["taylor_green"](grid, wavenumber=2, speed=1.5)
    state = State({"vorticity": start.copy()})
    engine = ReferenceEngine(grid, Damping(0.05))
    assert engine.largest_speed(state) == pytest.approx(1.5)
    for _ in range(20):
        engine.advance(state, 0.05)
    assert np.abs(state["vorticity"] - start * np.exp(-0.05 * 8.0)).max() < 5e-15


def test_an_eigenmode_is_stationary():
    grid = VorticityGrid(32)
    start = SPECTRAL["eigenmode"](grid, wavenumber_squared=25, energy=0.5, seed=1)
    state = State({"vorticity": start.copy()})
    engine = ReferenceEngine(grid)
    for _ in range(50):
        engine.advance(state, 0.02)
    assert np.abs(state["vorticity"] - start).max() < 1e-14


def test_the_step_is_of_fourth_order_with_damping():
    grid = VorticityGrid(32)
    start = SPECTRAL["random"](grid, peak=3.0, energy=0.5, seed=2)
    engine = ReferenceEngine(grid, Damping(1e-3, 1, 0.1, 0))

    def after(steps: int) -> np.ndarray:
        state = State({"vorticity": start.copy()})
        for _ in range(steps):
            engine.advance(state, 1.0 / steps)
        return state["vorticity"]

    exact = after(320)
    errors = [np.abs(after(steps) - exact).max() for steps in (20, 40)]
    assert 3.7 < np.log2(errors[0] / errors[1]) < 4.6


def test_several_ranks_are_refused():
    with pytest.raises(ValueError, match="one rank"):
        ReferenceEngine(VorticityGrid(16, rank=0, size=2))
