"""What is measured of wavefunctions: against Gaussians in closed form, and the Eckart barrier by energy."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from small_waves import PSI, engine, gaussian, program

from hpcphys.physics.schrodinger import observables
from hpcphys.physics.schrodinger.flux import EnergyFlux, Plane, flux
from hpcphys.physics.schrodinger.potential import PotentialError


@pytest.fixture(scope="module")
def packet():
    """A Gaussian in three dimensions with its own centre, momentum, width and mass along each axis."""
    made = engine(
        (40, 36, 40),
        (-9, -8, -9),
        (9, 8, 9),
        mass=(1.0, 2.0, 0.5),
        potential="x^2/2 + y + z^2",
        nonlinearity=3.0,
    )
    psi = gaussian(made.grid, (0.5, -0.3, 0.2), (1.0, 0.0, -0.7), (1.0, 0.9, 1.2))
    return made, program(made, psi).state


def test_moments_of_a_gaussian(packet) -> None:
    made, state = packet
    assert observables.norm(state, made) == pytest.approx(1, abs=1e-12)
    mean, variance = observables.position(state, made)
    assert mean == pytest.approx([0.5, -0.3, 0.2], abs=1e-11)
    assert variance == pytest.approx([0.5, 0.405, 0.72], abs=1e-9)
    mean, variance = observables.momentum(state, made)
    assert mean == pytest.approx([1.0, 0.0, -0.7], abs=1e-9)
    assert variance == pytest.approx([0.5, 0.5 / 0.81, 0.5 / 1.44], abs=1e-8)


def test_energy_parts_of_a_gaussian(packet) -> None:
    made, state = packet
    parts = observables.energy(state, made)
    kinetic = (1 + 0.5) / 2 + (0.5 / 0.81) / 4 + (0.49 + 0.5 / 1.44)
    assert parts.kinetic == pytest.approx(kinetic, abs=1e-8)
    assert parts.potential == pytest.approx((0.25 + 0.5) / 2 - 0.3 + 0.04 + 0.72, abs=1e-9)
    interaction = 1.5 / ((2 * np.pi) ** 1.5 * 1.0 * 0.9 * 1.2)
    assert parts.interaction == pytest.approx(interaction, rel=1e-8)
    assert parts.total == parts.kinetic + parts.potential + parts.interaction
    assert observables.chemical_potential(state, made) == pytest.approx(parts.total + parts.interaction)


def test_probability_and_overlap(packet) -> None:
    made, state = packet
    everywhere = observables.probability(state, made, {"x": (-9, 9), "z": (-20, 20)})
    assert everywhere == pytest.approx(1, abs=1e-12)
    left = observables.probability(state, made, {"y": (-8, -0.3)})
    assert 0.35 < left < 0.65
    right = observables.probability(state, made, {"y": (-0.3, 8)})
    assert left + right == pytest.approx(1, abs=1e-12)
    other = gaussian(made.grid, (0.8, -0.3, 0.2), (1.0, 0.0, -0.7), (1.0, 0.9, 1.2))
    assert abs(observables.overlap(state, other, made)) == pytest.approx(np.exp(-(0.3**2) / 4), abs=1e-10)
    with pytest.raises(ValueError, match="the grid has the axes x, y, z"):
        observables.probability(state, made, {"w": (0, 1)})


def test_flux_is_density_times_velocity(packet) -> None:
    """Of exp(ipx) times a real function: j = |ψ|² p/m, also where no point lies."""
    made, state = packet
    for axis, place, centre, width, speed in (
        ("x", 0.123, 0.5, 1.0, 1.0), ("y", 0.4, -0.3, 0.9, 0.0), ("z", -0.77, 0.2, 1.2, -1.4)
    ):  # fmt: skip
        density = np.exp(-(((place - centre) / width) ** 2)) / (np.sqrt(np.pi) * width)
        assert flux(state, made, axis, place) == pytest.approx(speed * density, abs=1e-8)
    with pytest.raises(ValueError, match="the box goes from -9 to 9"):
        flux(state, made, "x", 9.5)


def test_flux_is_the_loss_of_probability() -> None:
    made = engine((64, 16), (-8, -6), (8, 6), potential="x^2/2 + y^2/2", vector_potential={"x": "0.4*cos(t)"})
    run = program(made, gaussian(made.grid, (0.5, 0.0), (1.2, 0.3)), "blanes_moan_rkn6", 0.02)
    run.run(5)
    edge = made.grid.coordinates(0)[36]
    between = edge - made.grid.spacing[0] / 2  # sums over points stand for integrals to the middle
    found, probabilities = flux(run.state, made, "x", between), []
    for steps in (1, 1):
        probabilities.append(observables.probability(run.state, made, {"x": (edge, 8)}))
        run.run(steps, 0.001)
    # The edge of a sum of points has an error of its own, which has a rate too: a per cent is what it allows.
    assert (probabilities[1] - probabilities[0]) / 0.001 == pytest.approx(found, rel=2e-2)


def test_the_current_across_a_field_that_varies_is_refused() -> None:
    made = engine((8, 8), -4, 4, vector_potential={"y": "x"})
    with pytest.raises(PotentialError, match="choose another axis"):
        flux(program(made, gaussian(made.grid, 0, 0)).state, made, "y", 0.0)


def test_kinetic_momentum_enters_the_energy() -> None:
    made = engine(64, -9, 9, vector_potential={"x": "1.5 + t"}, charge=2.0)
    state = program(made, gaussian(made.grid, 0, 1.0)).state
    state.time = 0.5
    assert observables.energy(state, made).kinetic == pytest.approx(((1.0 - 4.0) ** 2 + 0.5) / 2, rel=1e-10)


def test_a_plane_shows_the_function_itself() -> None:
    made = engine((32, 12), (-np.pi, -1), (np.pi, 1))
    x, y = made.grid.along(0, made.grid.axes[0]), made.grid.along(1, made.grid.axes[1])
    state = program(made, np.exp(2j * x) * (1 + np.cos(np.pi * y))).state
    value, slope = Plane(made, "x", 0.3).values(state)
    expected = np.exp(0.6j) * (1 + np.cos(np.pi * made.grid.axes[1]))
    assert abs(value - expected).max() < 1e-13
    assert abs(slope - 2j * expected).max() < 1e-12


def eckart(energy, height, width):
    """T(E) of V0/cosh²(x/a), m = 1: sinh²(πka)/(sinh²(πka) + cosh²(π/2 sqrt(8 V0 a² - 1))).

    Source: Landau & Lifshitz (1977) Quantum Mechanics, section 25, problem 4.
    """
    wave = np.sinh(np.pi * np.sqrt(2 * energy) * width) ** 2
    return wave / (wave + np.cosh(np.pi / 2 * np.sqrt(8 * height * width**2 - 1)) ** 2)


def test_an_eckart_barrier_in_one_run_over_all_energies() -> None:
    made = engine(
        512, -110, 90, potential="cosh(x)^(-2)", absorber="2*(max(x - 50, 0)/40)^3 + 2*(max(-70 - x, 0)/40)^3"
    )
    psi = gaussian(made.grid, -35.0, 1.4, 3.0)
    run = program(made, psi, "leapfrog", 0.02)
    energies = np.linspace(0.6, 1.8, 25)
    collected = EnergyFlux(made, "x", 8.0, energies)
    with pytest.raises(ValueError, match="call incoming"):
        collected.transmission()
    collected.incoming(run.state)
    for _ in range(450):
        run.run(12)
        collected.record(run.state, 0.24)
    assert abs(collected.transmission() - eckart(energies, 1.0, 1.0)).max() < 1e-4
    spectrum = collected.flux()
    assert (spectrum > 0).all()
    assert PSI in run.state
