"""Ground and excited states by imaginary time: oscillators, a condensate, a magnetic field."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from small_waves import engine, gaussian, hamiltonian_matrix, program

from hpcphys.physics.schrodinger import observables
from hpcphys.physics.schrodinger.imaginary import NotConverged, ground_state, noise


def test_the_oscillator_in_three_dimensions() -> None:
    made = engine((24, 24, 24), -6.5, 6.5, potential="(x^2 + y^2 + z^2)/2")
    (found,) = ground_state(made)
    assert abs(found.energy - 1.5) < 1e-10
    assert found.chemical_potential == found.energy
    exact = gaussian(made.grid, 0, 0)
    assert 1 - abs(np.vdot(exact, found.wavefunction)) * made.grid.volume_element < 1e-10


def test_excited_states_of_an_anharmonic_well() -> None:
    made = engine(64, -6, 6, potential="x^2/2 + x^4/10")
    found = ground_state(made, states=4)
    exact = np.linalg.eigvalsh(hamiltonian_matrix(made))[:4]
    assert [state.energy for state in found] == pytest.approx(exact, abs=1e-9)
    psi = np.array([state.wavefunction for state in found])
    products = psi.conj() @ psi.T * made.grid.volume_element
    assert abs(products - np.eye(4)).max() < 1e-12


def test_degenerate_states_are_all_found() -> None:
    made = engine((24, 24), -6, 6, potential="(x^2 + y^2)/2")
    energies = [state.energy for state in ground_state(made, states=3, tolerance=1e-8)]
    assert energies == pytest.approx([1, 2, 2], abs=1e-7)


@pytest.mark.parametrize(("strength", "published"), [(3.1371, 1.0441), (31.371, 3.9810)])
def test_a_condensate_in_one_dimension(strength, published) -> None:
    """Energies of Bao & Tang (2003) J. Comput. Phys. 187, 230; and d(βE)/dβ-like identities of μ."""
    made = engine(128, -12, 12, potential="x^2/2", nonlinearity=strength)
    (found,) = ground_state(made, tolerance=1e-7)
    assert found.energy == pytest.approx(published, abs=5.1e-5)
    parts = observables.energy(program(made, found.wavefunction).state, made)
    assert found.chemical_potential == pytest.approx(parts.total + parts.interaction, abs=1e-9)
    assert 2 * parts.kinetic - 2 * parts.potential + parts.interaction == pytest.approx(0, abs=1e-5)  # virial


def test_a_strong_condensate_follows_thomas_and_fermi() -> None:
    """μ = (3 g/2)^(2/3)/2 in one dimension, less and less wrong for large g."""
    made = engine(192, -14, 14, potential="x^2/2", nonlinearity=400.0)
    (found,) = ground_state(made, tolerance=1e-5)
    assert found.chemical_potential == pytest.approx(0.5 * 600.0 ** (2 / 3), rel=2e-3)


def test_a_condensate_at_rest_stays_at_rest() -> None:
    made = engine(64, -8, 8, potential="x^2/2", nonlinearity=10.0)
    (found,) = ground_state(made, tolerance=1e-9)
    run = program(made, found.wavefunction, "yoshida4", 0.005)
    run.run(100)
    phase = np.exp(-0.5j * found.chemical_potential)
    assert abs(run.state["wavefunction"] - phase * found.wavefunction).max() < 1e-5


def test_the_lowest_landau_level_and_a_driven_potential_at_its_time() -> None:
    made = engine((48, 8), (-5, 0), (5, np.pi), vector_potential={"y": "2*x"})
    guess = gaussian(made.grid, (0.2, 0.0), 0.0, (1.0, 1e6))  # noise would take long: all k_y are degenerate
    (found,) = ground_state(made, tolerance=1e-8, start=guess)
    assert found.energy == pytest.approx(1.0, abs=1e-7)
    driven = engine(64, -8, 8, potential="x^2/2 - x*sin(t)")
    (found,) = ground_state(driven, time=np.pi / 2)
    assert found.energy == pytest.approx(0.5 - 0.5, abs=1e-9)
    assert driven.frozen is None


def test_bad_requests_are_refused() -> None:
    made = engine(16, -4, 4, potential="x^2/2", nonlinearity=1.0)
    with pytest.raises(ValueError, match="ask for one state"):
        ground_state(made, states=2)
    with pytest.raises(ValueError, match="absorber leaves no stationary state"):
        ground_state(engine(16, -4, 4, absorber="1"))
    made = engine(16, -4, 4, potential="x^2/2")
    with pytest.raises(NotConverged, match="has not settled after"):
        ground_state(made, most_steps=15)
    assert not made.imaginary


def test_noise_is_that_of_the_row() -> None:
    whole = engine((6, 4), -1, 1)
    assert (noise(whole, 3) == noise(whole, 3)).all()
    assert (noise(whole, 3) != noise(whole, 4)).all()
