"""Dispersion relations against the numbers of the literature; rates and frequencies found in signals."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hpcphys.physics.plasma import theory


def test_two_streams_of_cold_beams() -> None:
    best, rate = theory.cold_two_stream_maximum()
    assert (best, rate) == pytest.approx((0.612372, 0.353553), abs=1e-6)
    assert theory.cold_two_stream_growth(best) == pytest.approx(rate, abs=1e-12)
    assert theory.cold_two_stream_growth(0.5) == pytest.approx(0.340625, abs=1e-6)
    assert theory.cold_two_stream_growth(0.75) == pytest.approx(0.331819, abs=1e-6)
    assert theory.cold_two_stream_growth(1.0) == 0.0


def test_two_streams_of_warm_beams() -> None:
    assert theory.warm_two_stream_growth(0.6175, 0.1) == pytest.approx(0.34941, abs=5e-6)
    assert theory.warm_two_stream_growth(0.6, 1e-3) == pytest.approx(
        theory.cold_two_stream_growth(0.6), abs=1e-5
    )
    assert theory.warm_two_stream_growth(0.6, 2.0) == 0.0


@pytest.mark.parametrize(
    ("wave", "frequency", "growth"),
    [
        (0.3, 1.159846, -0.012620),
        (0.5, 1.415662, -0.153359),
        (1.0, 2.04590486566, -0.85133045869),
        (2.0, 3.18914, -2.82720),
    ],
)
def test_landau_damping(wave: float, frequency: float, growth: float) -> None:
    root = theory.landau(wave)
    assert (root.real, root.imag) == pytest.approx((frequency, growth), abs=6e-6)


def test_weibel() -> None:
    assert theory.weibel_growth(1.118, 0.1, 0.3) == pytest.approx(0.152248, abs=2e-6)
    assert theory.weibel_growth(1.0, 0.1, 0.3) == pytest.approx(0.150869, abs=1e-6)
    cut_off = theory.weibel_cut_off(0.1, 0.3)
    assert cut_off == pytest.approx(math.sqrt(8.0))
    assert theory.weibel_growth(1.001 * cut_off, 0.1, 0.3) == 0.0
    assert theory.weibel_growth(0.97 * cut_off, 0.1, 0.3) > 0.0


def test_filaments() -> None:
    assert theory.filamentation_growth(1.0, 0.5) == pytest.approx(0.349573, abs=1e-6)
    assert theory.filamentation_limit(0.5) == pytest.approx(0.465302, abs=1e-6)
    assert theory.filamentation_growth(1e3, 0.5) == pytest.approx(0.465302, abs=1e-5)


def test_discrete_waves_and_orbits() -> None:
    assert theory.leapfrog_frequency(1.0, 0.2) == pytest.approx(1.001674, abs=1e-6)
    assert theory.boris_phase(1.0, 0.5) / 0.5 == pytest.approx(0.979915, abs=1e-6)
    vacuum = theory.discrete_electromagnetic_frequency([0.3], [0.1], 0.1, plasma_frequency=0.0)
    assert vacuum == pytest.approx(0.3, abs=1e-12)  # the magic step
    fine = theory.discrete_electromagnetic_frequency([0.3, 0.4], [1e-3, 1e-3], 1e-4)
    assert fine == pytest.approx(math.sqrt(1.25), rel=1e-6)
    assert theory.discrete_electromagnetic_frequency([0.0], [0.1], 0.2) == pytest.approx(
        theory.leapfrog_frequency(1.0, 0.2)
    )
    x = 0.3
    for order in (1, 2, 3):
        images = sum(np.sinc(x / np.pi + p) ** (2 * order) for p in range(-2000, 2001))
        frequency = theory.plasma_oscillation_frequency(2 * x, 1.0, 1e-3, order)
        assert frequency == pytest.approx(math.sqrt(images), abs=1e-4)
    with pytest.raises(ValueError, match="not stable"):
        theory.leapfrog_frequency(1.0, 2.1)


def test_growth_chooses_its_window() -> None:
    time = np.arange(0.0, 80.0, 0.1)
    # A mode that grows, one that decays and one that oscillates, until the first saturates.
    linear = 1e-6 * (np.cosh(0.35 * time) + np.cos(1.5 * time))
    amplitude = linear / np.sqrt(1.0 + (linear / 0.1) ** 2) * np.exp(1j * 0.3)
    found = theory.growth(time, amplitude)
    assert found.growth == pytest.approx(0.35, rel=2e-3)
    assert 10.0 < found.window[0] < 20.0 < found.window[1] < 32.0
    with pytest.raises(ArithmeticError, match="smaller perturbation"):
        theory.growth(time, 1.0 + 0.1 * np.cos(time))


def test_oscillations_are_found_to_round_off() -> None:
    time = np.arange(0.0, 60.0, 0.2)
    standing = (0.3 + 0.4j) * np.cos(1.0016742 * time + 0.2)
    assert theory.oscillation(time, standing).frequency == pytest.approx(1.0016742, abs=1e-9)
    with pytest.raises(ArithmeticError, match="at least a period"):
        theory.oscillation(time[:12], standing[:12])


def test_damping_is_found_behind_the_start_and_above_the_noise() -> None:
    time = np.arange(0.0, 40.0, 0.05)
    rng = np.random.default_rng(1)
    signal = np.exp(-0.1534 * time) * np.cos(1.4157 * time) + 0.3 * np.exp(-1.1 * time)
    found = theory.damped_oscillation(time, 1j * (signal + 2e-4 * rng.standard_normal(len(time))))
    assert found.frequency == pytest.approx(1.4157, rel=2e-3)
    assert found.growth == pytest.approx(-0.1534, rel=1e-2)
    assert found.window[0] > 4.0


def test_gyration_is_exact() -> None:
    angle = -0.489957 * np.arange(50)
    found = theory.gyration(0.1 + 0.3 * np.cos(angle), -0.2 + 0.3 * np.sin(angle))
    assert found.phase == pytest.approx(-0.489957, abs=1e-12)
    assert found.drift == pytest.approx((0.1, -0.2), abs=1e-12)
    assert found.radius == pytest.approx(0.3)
    assert found.spread < 1e-12
