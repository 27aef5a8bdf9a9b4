"""Sums over modes against means over points, spectra, fluxes, fits and budgets."""

from __future__ import annotations

import numpy as np
import pytest

from hpcphys.compiler import State
from hpcphys.decomposition.communicator import Communicator
from hpcphys.initial.vorticity import SPECTRAL
from hpcphys.physics.vorticity.budget import Budget
from hpcphys.physics.vorticity.cascade import averaged, window_results
from hpcphys.physics.vorticity.damping import Damping
from hpcphys.physics.vorticity.diagnostics import QuadraticSums, moments
from hpcphys.physics.vorticity.grid import VorticityGrid
from hpcphys.physics.vorticity.reference import ReferenceEngine
from hpcphys.physics.vorticity.spectra import Shells, fitted_slope, fluxes

SERIAL = Communicator.serial()
GRID = VorticityGrid(48, length=3.0)


@pytest.fixture(scope="module")
def modes() -> np.ndarray:
    return SPECTRAL["random"](GRID, peak=4.0, energy=0.5, seed=3)


def test_quadratic_sums_are_means_over_the_points(modes):
    damping = Damping(1e-3, 2, 0.3, 1)
    found = QuadraticSums(GRID, damping, SERIAL)(modes)
    engine = ReferenceEngine(GRID, damping)
    u, v = engine.velocity(modes)
    vorticity = engine.physical(modes)
    kx, ky = GRID.unit * GRID.kx[:, None], GRID.unit * GRID.ky
    gradient = [engine.physical(1j * k * modes) for k in (kx, ky)]
    assert found["energy"] == pytest.approx(0.5 * np.mean(u * u + v * v), rel=1e-12)
    assert found["enstrophy"] == pytest.approx(0.5 * np.mean(vorticity**2), rel=1e-12)
    assert found["palinstrophy"] == pytest.approx(
        0.5 * np.mean(gradient[0] ** 2 + gradient[1] ** 2), rel=1e-12
    )
    # dZ/dt = <ω ∂t ω>, dE/dt = <ψ ∂t ω> with ω = -Δψ, of the damping alone
    for name, rates in (("viscous", damping.viscous_rates(GRID)), ("drag", damping.drag_rates(GRID))):
        lost = engine.physical(rates * modes)
        stream = engine.physical(GRID.inverse_k2 * modes)
        assert found[f"enstrophy_{name}_dissipation"] == pytest.approx(np.mean(vorticity * lost), rel=1e-11)
        assert found[f"energy_{name}_dissipation"] == pytest.approx(np.mean(stream * lost), rel=1e-11)


def test_ranks_add_up(modes):
    """Sums over the columns of each rank; one without columns adds nothing."""
    whole = QuadraticSums(GRID, Damping(1e-3), SERIAL)(modes)
    parts = [VorticityGrid(48, length=3.0, rank=rank, size=20) for rank in range(20)]
    assert any(part.shape[0] == 0 for part in parts)
    pieces = [QuadraticSums(part, Damping(1e-3), SERIAL)(modes[slice(*part.columns)]) for part in parts]
    for name, value in whole.items():
        assert sum(piece[name] for piece in pieces) == pytest.approx(value, rel=1e-13), name


def test_moments_are_means_over_the_points(modes):
    rows = ReferenceEngine(GRID).physical(modes)
    found, largest = moments(rows, 6, GRID.n**2, SERIAL)
    assert found == pytest.approx([np.mean(rows**order) for order in range(2, 7)], rel=1e-12)
    assert largest == np.abs(rows).max()


def test_spectrum_of_equal_modes_is_their_density():
    """Each mode has the energy e: E(k) = 2πk e (L/2π)², however many lattice points its shell has."""
    shells = Shells(GRID, SERIAL)
    modes = np.sqrt(2.0 * 0.1 * GRID.k2).astype(complex)
    found = shells.spectrum(modes)
    exact = 2.0 * np.pi * shells.wavenumber * 0.1 / GRID.unit**2
    assert found[1:] == pytest.approx(exact[1:], rel=1e-12)
    assert shells.modes.sum() == (2 * GRID.cutoff + 1) ** 2


def test_spectrum_holds_the_energy(modes):
    shells = Shells(GRID, SERIAL)
    energy = QuadraticSums(GRID, Damping(), SERIAL)(modes)["energy"]
    held = shells.spectrum(modes)[1:] * shells.modes[1:] / (2 * np.pi * np.arange(1, shells.count))
    assert held.sum() * GRID.unit == pytest.approx(energy, rel=1e-12)
    assert shells.spectrum(modes).sum() * GRID.unit == pytest.approx(energy, rel=0.1)


def test_transfers_add_up_to_nothing_and_fluxes_point_the_right_way(modes):
    engine, shells = ReferenceEngine(GRID), Shells(GRID, SERIAL)
    state = State({"vorticity": modes.copy()})
    for _ in range(50):
        engine.advance(state, 0.01)
    tendency = engine.tendency(state["vorticity"])
    energy, enstrophy = shells.transfers(state["vorticity"], tendency)
    assert abs(energy.sum()) < 1e-14 * np.abs(energy).sum()
    assert abs(enstrophy.sum()) < 1e-14 * np.abs(enstrophy).sum()
    # of a spectrum that spreads: energy goes to large scales, enstrophy to small ones
    assert fluxes(energy)[:5].min() < 0.0
    assert fluxes(enstrophy)[6:12].min() > 0.0
    # the transfer is the rate of change of what a shell holds
    before, after = ({"vorticity": state["vorticity"].copy()} for _ in range(2))
    small = 1e-4
    after["vorticity"] += small * tendency
    before["vorticity"] -= small * tendency
    rate = (shells.spectrum(after["vorticity"]) - shells.spectrum(before["vorticity"])) / (2 * small)
    density = np.where(
        shells.modes > 0, 2 * np.pi * np.arange(shells.count) / (GRID.unit * shells.modes), 0.0
    )
    assert np.abs(rate - energy * density).max() < 1e-6 * np.abs(energy * density).max()


def test_a_power_law_is_found():
    k = np.arange(100.0)
    with np.errstate(divide="ignore"):
        law = np.where(k > 0, 3.0 * k ** (-5.0 / 3.0), 0.0)
    fit = fitted_slope(k, law, 8.0, 26.0)
    assert fit.slope == pytest.approx(-5.0 / 3.0, abs=1e-12)
    assert fit.amplitude == pytest.approx(3.0, rel=1e-12)
    assert fit.error < 1e-12
    noisy = law * np.exp(0.1 * np.random.default_rng(1).normal(size=100))
    fit = fitted_slope(k, noisy, 8.0, 26.0)
    assert 0.01 < fit.error < 0.2
    assert abs(fit.slope + 5.0 / 3.0) < 3.0 * fit.error
    assert fitted_slope(k, law, 8.0, 9.0) is None
    assert fitted_slope(k, 0.0 * law, 8.0, 26.0) is None


def test_the_numbers_of_a_cascade():
    """E = C Π^(2/3) k^(-5/3) with Π = -0.5 (1 + 0.2 x): slope, flux, variation and C as put in."""
    k = np.arange(1.0, 60.0)
    flux = -0.5 * np.ones_like(k)
    found = window_results(k, 6.0 * 0.5 ** (2 / 3) * k ** (-5 / 3), flux, 10.0, 40.0)
    assert found["spectral_slope"] == pytest.approx(-5 / 3)
    assert found["compensated_slope"] == pytest.approx(-5 / 3)
    assert found["kolmogorov_constant"] == pytest.approx(6.0)
    assert (found["energy_flux"], found["energy_flux_variation"]) == (pytest.approx(-0.5), 0.0)
    varied = window_results(k, k ** (-5 / 3), np.where(k < 25, -0.4, -0.6), 10.0, 40.0)
    assert varied["energy_flux_variation"] == pytest.approx(0.1 / abs(varied["energy_flux"]))


def test_averages_keep_to_their_window():
    series = {"time": np.arange(5.0), "spectrum": np.arange(5.0)[:, None] * np.ones(3)}
    means, rows = averaged(series, 2.0, 3.0)
    assert (rows, means["spectrum"].tolist()) == (2, [2.5, 2.5, 2.5])
    means, rows = averaged(series, 9.0, None)
    assert (rows, means["spectrum"].tolist()) == (1, [4.0, 4.0, 4.0])


def test_a_budget_closes_to_the_order_of_its_rule():
    """E = exp(-2t), D = 2E: the trapezoidal rule errs by dt²/3 of what is lost."""
    errors = []
    for steps in (20, 40):
        dt, budget = 1.0 / steps, Budget()

        def state(time):
            value = np.exp(-2.0 * time)
            sinks = {
                f"{name}_{sink}_dissipation": value
                for name in ("energy", "enstrophy")
                for sink in ("viscous", "drag")
            }
            return {"energy": value, "enstrophy": value, **sinks}

        budget.start(state(0.0))
        for step in range(1, steps + 1):
            budget.wait(dt)
            budget.integrate(state(step * dt))
        errors.append(budget.row(state(1.0))["energy_error"])
    assert errors[0] == pytest.approx(0.05**2 / 3 * (1 - np.exp(-2)), rel=0.05)
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.02)


def test_what_is_injected_is_accounted_for():
    budget = Budget()
    none = dict.fromkeys(
        (f"{n}_{s}_dissipation" for n in ("energy", "enstrophy") for s in ("viscous", "drag")), 0.0
    )
    budget.start({"energy": 0.0, "enstrophy": 0.0, **none})
    budget.injected(0.25, 4.0)
    row = budget.row({"energy": 0.3, "enstrophy": 4.0, **none})
    assert row["energy_error"] == pytest.approx(0.05 / 0.25)
    assert row["enstrophy_error"] == 0.0
    again = Budget(dict(budget.memory))
    assert again.row({"energy": 0.3, "enstrophy": 4.0, **none}) == row
