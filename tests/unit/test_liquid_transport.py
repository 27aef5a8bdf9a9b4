"""Displacement, velocity and stress correlations of processes that are known exactly; errors by blocks."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from hpcphys.decomposition.communicator import Communicator
from hpcphys.physics.observables import (
    BlockAverage,
    HeatCapacity,
    Lags,
    MeanSquareDisplacement,
    MultiTau,
    Saved,
    Segments,
    VelocityAutocorrelation,
    Viscosity,
    block_estimate,
    pressure_tensor,
    shear_components,
    yeh_hummer,
)
from hpcphys.physics.observables.multi_tau import MultiTauCorrelator

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from liquid_boxes import box_of, cube, relaxing

ALONE = Communicator.serial()


def by_way_of_json(saved: Saved) -> Saved:
    return Saved(json.loads(json.dumps(saved.numbers)), saved.arrays, saved.rows)


@pytest.mark.parametrize("lags", [Lags(8, 4), Lags(6, 3, 3), Lags(5, 1, 5)])
def test_lags_meet_the_right_samples(lags):
    """Stored numbers of samples: each pair is as far apart as its lag says, and no lag is forgotten."""
    stored = np.full((lags.levels, lags.points), -1)
    seen = np.zeros(lags.count, int)
    for sample in range(200):
        for level in lags.due(sample):
            for index, slot in lags.pairs(level, sample):
                assert sample - stored[level, slot] == lags.values[index]
                seen[index] += 1
            stored[level, lags.slot(level, sample)] = sample
    assert (np.diff(lags.values) > 0).all()
    assert (seen[1:] > 0).all()
    with pytest.raises(ValueError, match="multiple of spread"):
        Lags(7, 2)


def test_random_walk_diffuses():
    """⟨Δr²⟩ = 3σ²k after k steps, D = σ²/(2Δt), of each type its own; across the periodic border."""
    count, sigma, interval, box = 400, np.array([0.3, 0.6]), 0.5, cube(5.0)
    rng = np.random.default_rng(5)
    kind = (np.arange(count) % 2).astype(np.int32)
    free = rng.random((count, 3)) * 5.0
    found = MeanSquareDisplacement(ALONE, interval, lags=Lags(8, 5), types=2)
    for _ in range(400):
        image = np.floor(free / 5.0).astype(np.int32)
        state = {"position": free - 5.0 * image, "image": image, "id": np.arange(count), "type": kind}
        found.sample(state, box)
        free += rng.normal(size=(count, 3)) * sigma[kind][:, None]
    for k in range(2):
        result = found.result(k)
        expected = 3.0 * sigma[k] ** 2 * result.time / interval
        near = (result.time > 0) & (result.time < 25 * interval)
        assert (np.abs(result.msd - expected)[near] < 4.5 * result.error[near]).all()
        assert (result.error[near] < 0.05 * expected[near]).all()
        assert np.abs(result.non_gaussian[near]).max() < 0.1
        assert result.axes[near].sum(axis=1) == pytest.approx(result.msd[near])
        diffusion = found.diffusion(1.0, 8.0, k)
        assert diffusion.value == pytest.approx(sigma[k] ** 2 / (2 * interval), rel=0.05)
        assert abs(diffusion.value - sigma[k] ** 2 / (2 * interval)) < 4.5 * diffusion.error
    whole = found.result()
    assert whole.msd[1] == pytest.approx(0.5 * (found.result(0).msd[1] + found.result(1).msd[1]), rel=1e-12)
    with pytest.raises(ValueError, match="two are needed"):
        found.diffusion(0.6, 0.7)


def test_straight_flight_and_drift():
    """Ballistic: ⟨Δr²⟩ = v²t² exactly; with the drift removed nothing is left of a common velocity."""
    box = box_of([[4.0, 0, 0], [1.0, 5.0, 0], [-0.5, 0.7, 6.0]])
    velocity = np.array([0.3, -0.2, 0.5])
    start = np.random.default_rng(0).random((20, 3))
    plain, relative = (
        MeanSquareDisplacement(ALONE, 2.0, lags=Lags(4, 3), remove_drift=removed) for removed in (False, True)
    )
    for k in range(30):
        image = np.random.default_rng(k).integers(-3, 4, (20, 3)).astype(np.int32)
        state = {"position": start + 2.0 * k * velocity - image @ box.vectors, "image": image}
        state["id"] = np.arange(20)[::-1] * 7 + 3
        plain.sample(state, box)
        relative.sample(state, box)
    result = plain.result()
    np.testing.assert_allclose(result.msd, velocity @ velocity * result.time**2, rtol=1e-10, atol=1e-12)
    assert relative.result().msd.max() < 1e-20


def test_langevin_velocities():
    """⟨v(0)·v(t)⟩ = 3(kT/m)e^{-γt} and D = kT/(mγ), within errors that are not too large."""
    interval, gamma, kt = 0.1, 1.5, 2.0
    decay = np.exp(-gamma * interval)
    series = np.sqrt(kt) * relaxing(400, 900, decay, seed=3).reshape(400, 300, 3)
    found = VelocityAutocorrelation(ALONE, interval, lags=Lags(64, 1, 64))
    logarithmic = VelocityAutocorrelation(ALONE, interval, lags=Lags(16, 4))
    for velocity in series:
        state = {"velocity": velocity, "id": np.arange(300)}
        found.sample(state)
        logarithmic.sample(state)
    for observable in (found, logarithmic):
        result = observable.result()
        assert (np.abs(result.value - 3 * kt * np.exp(-gamma * result.time)) < 4.5 * result.error)[1:].all()
        assert (result.error < 0.02 * 3 * kt).all()
        diffusion = observable.diffusion(4.0)
        assert diffusion.value == pytest.approx(kt / gamma, rel=0.05)
        assert abs(diffusion.value - kt / gamma) < 4.5 * diffusion.error
        assert diffusion.error < 0.05
        assert result.diffusion[result.time <= 4.0][-1] == pytest.approx(float(diffusion.value), rel=1e-12)
    with pytest.raises(ValueError, match="no lag with data"):
        found.diffusion(0.05)


@pytest.mark.parametrize("reproducible", [False, True])
def test_correlations_go_on_from_what_was_saved(reproducible):
    """In another order of rows, bit for bit."""
    rng = np.random.default_rng(8)
    series, kind = rng.normal(size=(50, 30, 3)), rng.integers(0, 2, 30).astype(np.int32)
    straight, first, second = (
        VelocityAutocorrelation(ALONE, 1.0, lags=Lags(4, 4), types=2, reproducible=reproducible)
        for _ in range(3)
    )
    for k, velocity in enumerate(series):
        order = rng.permutation(30)
        state = {"velocity": velocity[order], "type": kind[order], "id": order}
        straight.sample(state)
        (first if k < 21 else second).sample(state)
        if k == 20:
            saved = by_way_of_json(first.saved())
            second.restore(Saved(saved.numbers, saved.arrays, {n: a[::-1] for n, a in saved.rows.items()}))
    for part in ("arrays", "rows"):
        for name, array in getattr(straight.saved(), part).items():
            np.testing.assert_array_equal(getattr(second.saved(), part)[name], array, err_msg=name)


def test_atoms_must_stay_the_same():
    found = VelocityAutocorrelation(ALONE, 1.0)
    found.sample({"velocity": np.ones((3, 3)), "id": np.array([4, 1, 9])})
    with pytest.raises(ValueError, match="differ from those of the first sample"):
        found.sample({"velocity": np.ones((3, 3)), "id": np.array([4, 2, 9])})
    with pytest.raises(ValueError, match="ids must be unique; found more than once: 4"):
        VelocityAutocorrelation(ALONE, 1.0).sample({"velocity": np.ones((3, 3)), "id": np.array([4, 4, 9])})


def stresses(count: int, decay: float, seed: int) -> np.ndarray:
    """(count, 3, 3) isotropic Ornstein-Uhlenbeck pressure: ⟨P_xy(0) P_xy(k)⟩ = decay^k."""
    x = relaxing(count, 6, decay, seed)
    tensor = np.empty((count, 3, 3))
    for k, (a, b) in enumerate(((0, 1), (0, 2), (1, 2))):
        tensor[:, a, b] = tensor[:, b, a] = x[:, k]
    for k in range(3):
        tensor[:, k, k] = 7.0 + np.sqrt(2.0) * x[:, 3 + k]  # a mean pressure must not matter
    return tensor


def test_viscosity_of_a_stress_with_known_integral():
    """C = e^{-t/τ}: η = Vτ/kT by Green-Kubo and by Einstein, each within its error."""
    interval, tau, volume, temperature = 0.05, 0.4, 30.0, 1.5
    found = Viscosity(interval, volume, temperature)
    for tensor in stresses(20000, np.exp(-interval / tau), seed=2):
        found.sample(tensor)
    exact = volume / temperature * tau
    result = found.result()
    near = result.time < 1.0
    assert (np.abs(result.correlation - np.exp(-result.time / tau)) < 5.0 * result.error)[near].all()
    for value in (found.green_kubo(6 * tau), found.einstein(6 * tau, 15 * tau)):
        assert abs(value.value - exact) < 4.0 * value.error
        assert value.error < 0.12 * exact
        assert value.value == pytest.approx(exact, rel=0.15)
    with pytest.raises(ValueError, match="two are needed"):
        found.einstein(1.0, 1.01)
    with pytest.raises(ValueError, match="not finite"):
        found.sample(np.full((3, 3), np.nan))


def test_viscosity_goes_on_from_what_was_saved():
    tensors = stresses(300, 0.8, seed=1)
    straight, first, second = (Viscosity(0.1, 2.0, 1.0, scheme=MultiTau(8, 5)) for _ in range(3))
    for k, tensor in enumerate(tensors):
        straight.sample(tensor)
        (first if k < 111 else second).sample(tensor)
        if k == 110:
            second.restore(by_way_of_json(first.saved()))
    for name, array in straight.saved().arrays.items():
        np.testing.assert_array_equal(second.saved().arrays[name], array, err_msg=name)


def test_multiple_tau_against_the_definition():
    """Level 0 is the plain average over all pairs; at level 1 that of pairs of averages of two."""
    x = relaxing(500, 2, 0.7, seed=4)
    found = MultiTauCorrelator(2, MultiTau(8, 3))
    for row in x:
        found.add(row)
    value = found.measured(lambda c: c).value
    lags = found.scheme.values
    assert lags.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28]
    for place, lag in enumerate(lags[:8]):
        expected = (x[lag:] * x[: len(x) - lag]).mean(axis=0)
        np.testing.assert_allclose(value[place], expected, rtol=1e-10, atol=1e-12)
    pairs = x.reshape(-1, 2, 2).mean(axis=1)
    for place, lag in ((8, 4), (10, 6), (11, 7)):
        expected = (pairs[lag:] * pairs[: len(pairs) - lag]).mean(axis=0)
        np.testing.assert_allclose(value[place], expected, rtol=1e-10, atol=1e-12)


def test_pressure_of_a_pair():
    """Two atoms at rest that push along x: P_xx V = r F, nothing else; shear parts by hand."""
    virial = np.zeros((3, 3))
    virial[0, 0] = 1.5 * 2.0
    tensor = pressure_tensor(np.diag([1.0, 1.0, 4.0]), virial, 2.0)
    np.testing.assert_allclose(tensor, np.diag([2.0, 0.5, 2.0]))
    tensor[0, 1], tensor[1, 0] = 0.4, 0.2
    np.testing.assert_allclose(shear_components(tensor), [0.5, -1.0, 0.5, 0.3, 0.0, 0.0])
    with pytest.raises(ValueError, match="positive"):
        pressure_tensor(virial, virial, 0.0)


def test_error_of_a_correlated_series():
    """AR(1): σ²_mean = (1+φ)/((1-φ)n), τ = ½(1+φ)/(1-φ); on average over series, and it covers the truth."""
    decay, count, repeats = 0.9, 8192, 24
    series = relaxing(count, repeats, decay, seed=6)
    average = BlockAverage([str(k) for k in range(repeats)], step=0.5)
    for row in series:
        average.add(row)
    found = list(average.estimates().values())
    exact = np.sqrt((1 + decay) / (1 - decay) / count)
    assert np.sqrt(np.mean([e.error**2 for e in found])) == pytest.approx(exact, rel=0.12)
    assert np.mean([e.autocorrelation_time for e in found]) == pytest.approx(0.25 * 19.0, rel=0.15)
    assert all(e.converged and e.samples == count and e.block > 4 for e in found)
    pulls = np.array([e.value / e.error for e in found])
    assert 0.6 < np.sqrt((pulls**2).mean()) < 1.5
    np.testing.assert_allclose([e.value for e in found], series.mean(axis=0), atol=1e-12)
    assert average.levels("0")[1][0] == pytest.approx(series[:, 0].std(ddof=1) / np.sqrt(count))


def test_error_of_white_noise_and_of_short_series():
    noise = np.random.default_rng(0).normal(size=4000)
    found = block_estimate(noise)
    assert found.error == pytest.approx(noise.std() / np.sqrt(4000), rel=0.15)
    assert found.autocorrelation_time == pytest.approx(0.5, rel=0.3)
    assert not block_estimate(relaxing(40, 1, 0.99, 1)[:, 0]).converged
    assert block_estimate([3.0]).error == np.inf
    assert block_estimate([3.0] * 10).error == 0.0
    average = BlockAverage(("a", "b"))
    with pytest.raises(ValueError, match="sample 0 of 'b'"):
        average.add([1.0, np.inf])
    with pytest.raises(KeyError, match="no series 'c'"):
        average.estimate("c")


def test_blocks_go_on_from_what_was_saved():
    series = np.random.default_rng(1).normal(size=(100, 2))
    straight, first, second = (BlockAverage(("a", "b"), 0.1) for _ in range(3))
    for k, row in enumerate(series):
        straight.add(row)
        (first if k < 37 else second).add(row)
        if k == 36:
            second.restore(by_way_of_json(first.saved()))
    assert straight.estimates() == second.estimates()
    with pytest.raises(ValueError, match="step"):
        BlockAverage(("a", "b"), 0.2).restore(first.saved())


def test_segments_merge_and_keep_the_sum():
    """Jackknife of a mean is its standard error; a ratio's error is that of the linearised ratio."""
    rng = np.random.default_rng(2)
    x = rng.normal(2.0, 1.0, 1000)
    segments = Segments({"x": (), "n": ()})
    for value in x:
        segments.add(x=value, n=1.0)
    assert segments.samples == 1000
    found = segments.measured(lambda t: t["x"] / t["n"])
    assert found.value == pytest.approx(x.mean())
    assert found.error == pytest.approx(x.std() / np.sqrt(1000), rel=0.35)
    inverse = segments.measured(lambda t: t["n"] / t["x"])
    assert inverse.error == pytest.approx(found.error / found.value**2, rel=0.02)


def test_heat_capacity():
    """Energies with the fluctuations of a known heat capacity, in both ensembles."""
    freedom, temperature, exact = 300.0, 0.9, 420.0
    rng = np.random.default_rng(3)
    mean = 0.5 * freedom * temperature
    canonical, closed = HeatCapacity("nvt", freedom), HeatCapacity("nve", freedom)
    spread = np.sqrt(0.5 * freedom * (1.0 - freedom / (2.0 * exact))) * temperature
    for _ in range(20000):
        canonical.sample(mean, -5000.0 + rng.normal() * temperature * np.sqrt(exact))
        closed.sample(mean + rng.normal() * spread, -5000.0)
    for found in (canonical.result(), closed.result()):
        assert abs(found.value - exact) < 4.0 * found.error
        assert found.error < 0.03 * exact
    with pytest.raises(ValueError, match="nve and nvt"):
        HeatCapacity("npt", 3.0)


def test_yeh_hummer():
    """The published correction for water (their eq. 12): 2.837297 kT/(6πηL)."""
    # 298 K, 0.000896 Pa s, 2 nm in SI units: 0.3456e-9 m²/s.
    assert yeh_hummer(298.0, 8.96e-4, 2e-9, boltzmann=1.380649e-23) == pytest.approx(3.4560e-10, rel=1e-3)
    with pytest.raises(ValueError, match="positive"):
        yeh_hummer(1.0, 0.0, 1.0)
