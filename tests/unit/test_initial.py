"""Initial conditions: rows independent of the cut, profiles against theory, virial ratio, Jeans."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import kstest

from hpcphys.initial import models, parameters, realisation, remove_centre_of_mass
from hpcphys.initial.blocks import BLOCK
from hpcphys.initial.profiles import analytic_density

COUNT = 3 * BLOCK + 500
SPHERES = ("plummer", "hernquist", "king", "nfw")
ALL = (*SPHERES, "disc")


class OneRank:
    """The part of a communicator that a realisation needs."""

    rank, size = 0, 1

    def sum_reproducible(self, rows):
        return rows.sum(axis=0)


def radii(arrays) -> np.ndarray:
    return np.sqrt((arrays["position"] ** 2).sum(axis=1))


def enclosed_mass(model: str, radius: np.ndarray, **chosen) -> np.ndarray:
    """M(r) of the analytic density by a fine sum, independent of the sampler's tables."""
    grid = np.geomspace(1e-5, radius.max() * 1.0001, 20_000)
    shell = 4.0 * np.pi * grid**3 * analytic_density(model, grid, chosen)
    mass = np.concatenate(([0.0], np.cumsum(0.5 * (shell[1:] + shell[:-1]) * np.diff(np.log(grid)))))
    return np.interp(radius, grid, mass)


@pytest.mark.parametrize("model", ALL)
@pytest.mark.parametrize("parts", [2, 7])
def test_rows_do_not_depend_on_the_cut(model, parts):
    whole = models[model](COUNT, 11)
    edges = [COUNT * part // parts for part in range(parts + 1)]
    pieces = [models[model](COUNT, 11, first=a, last=b) for a, b in itertools.pairwise(edges)]
    for name, array in whole.items():
        joined = np.concatenate([piece[name] for piece in pieces])
        assert joined.dtype == array.dtype
        assert np.array_equal(joined, array), name


@pytest.mark.parametrize("model", ALL)
def test_empty_range_has_the_same_arrays(model):
    empty, whole = models[model](100, 1, first=40, last=40), models[model](100, 1)
    assert {n: (a.shape[1:], a.dtype) for n, a in empty.items()} == {
        n: (a.shape[1:], a.dtype) for n, a in whole.items()
    }
    assert len(empty["mass"]) == 0


@pytest.mark.parametrize("model", ALL)
def test_seed_decides(model):
    one, same, other = (models[model](1000, seed)["position"] for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.isin(one, other).any()


def test_blocks_are_not_copies_of_each_other():
    position = models["plummer"](2 * BLOCK, 5)["position"]
    assert not np.isin(position[:BLOCK], position[BLOCK:]).any()


@pytest.mark.parametrize("model", SPHERES)
def test_radii_follow_the_density(model):
    radius = radii(models[model](20_000, 3))
    largest = radius.max()

    def cumulative(r):
        return enclosed_mass(model, np.asarray(r)) / enclosed_mass(model, np.array([largest]))

    # 1 in 1000 seeds fails; this seed is fixed.
    assert kstest(radius, cumulative).pvalue > 1e-3


@pytest.mark.parametrize("model", SPHERES)
@pytest.mark.parametrize("ratio", [1.0, 0.1])
def test_virial_ratio(model, ratio):
    arrays = models[model](40_000, 4, virial_ratio=ratio)
    radius, mass = np.sort(radii(arrays)), arrays["mass"][0]
    # Of spherical shells: W = -G m² Σ (i − ½)/r_i.
    binding = -(mass**2) * ((np.arange(radius.size) + 0.5) / radius).sum()
    kinetic = 0.5 * mass * (arrays["velocity"] ** 2).sum()
    assert 2.0 * kinetic / abs(binding) == pytest.approx(ratio, rel=0.02)


@pytest.mark.parametrize("model", SPHERES)
def test_dispersion_follows_jeans(model):
    """ρσ_r² = ∫_r^∞ ρ GM/s² ds for an isotropic sphere, in six shells between 5 and 95 % of the mass."""
    arrays = models[model](60_000, 6)
    radius = radii(arrays)
    edges = np.quantile(radius, np.linspace(0.05, 0.95, 7))
    grid = np.geomspace(1e-4, 1e3, 40_000)
    density = analytic_density(model, grid, {})
    pull = density * enclosed_mass(model, grid) / grid  # ds/s² = d ln s/s
    steps = 0.5 * (pull[1:] + pull[:-1]) * np.diff(np.log(grid))
    pressure = np.concatenate((np.cumsum(steps[::-1])[::-1], [0.0]))
    expected = np.interp(radius, grid, pressure / np.maximum(density, 1e-300))
    for low, high in itertools.pairwise(edges):
        shell = (radius >= low) & (radius < high)
        measured = (arrays["velocity"][shell] ** 2).sum(axis=1).mean() / 3.0
        # 9000 stars: the standard error of a variance is 1 %.
        assert measured == pytest.approx(expected[shell].mean(), rel=0.04)


@pytest.mark.parametrize("model", SPHERES)
def test_velocities_are_isotropic_and_bound(model):
    arrays = models[model](20_000, 8)
    radius = radii(arrays)
    along = (arrays["position"] * arrays["velocity"]).sum(axis=1) / radius
    across = ((arrays["velocity"] ** 2).sum(axis=1) - along**2) / 2.0
    assert (along**2).mean() == pytest.approx(across.mean(), rel=0.04)
    order = np.argsort(radius)
    mass = arrays["mass"][0]
    inner = mass * np.arange(1, radius.size + 1) / radius[order]
    outer = np.concatenate((np.cumsum((mass / radius[order])[::-1])[::-1][1:], [0.0]))
    energy = 0.5 * (arrays["velocity"][order] ** 2).sum(axis=1) - inner - outer
    assert (energy < 0.0).mean() > 0.998


def test_king_concentrations():
    """King (1966), table II: log10(r_t/r_0) for W0 = 3, 6, 9."""
    from hpcphys.initial.king import king_profile

    for w0, concentration in ((3.0, 0.672), (6.0, 1.255), (9.0, 2.119)):
        assert np.log10(king_profile(w0)[0][-1]) == pytest.approx(concentration, abs=1e-3)


def test_eddington_gives_hernquists_distribution():
    from hpcphys.initial.hernquist import hernquist_density, hernquist_distribution
    from hpcphys.initial.spherical import eddington, radius_grid

    radius = radius_grid(1e-5, 3000.0)
    psi = 1.0 / (1.0 + radius)
    ratio = eddington(psi, hernquist_density(radius, 1.0, 1.0)) / hernquist_distribution(np.sqrt(psi))
    inside = ratio[100:-100]
    assert np.ptp(inside) / inside.mean() < 5e-3


def test_units_scale():
    """r ∝ a and v ∝ √(GM/a) in every sphere."""
    for model in SPHERES:
        one = models[model](500, 9, mass=1.0, scale_radius=1.0)
        two = models[model](500, 9, mass=3.0, scale_radius=2.0, G=5.0)
        np.testing.assert_allclose(two["position"], 2.0 * one["position"], rtol=1e-6)
        np.testing.assert_allclose(two["velocity"], np.sqrt(7.5) * one["velocity"], rtol=1e-6)
        assert two["mass"].sum() == pytest.approx(3.0 * one["mass"].sum())


def test_disc_moments():
    """Exponential surface density, sech² height, rotation and Q as asked."""
    chosen = {
        "mass": 25.0,
        "disc_fraction": 0.04,
        "toomre_q": 1.4,
        "disc_share": 0.8,
        "halo_scale_radius": 10.0,
    }
    arrays = models["disc"](50_000, 12, **chosen)
    disc = arrays["type"] == 2
    assert disc.sum() == 40_000
    assert arrays["mass"][disc].sum() == pytest.approx(1.0)
    x, y, z = arrays["position"][disc].T
    R = np.hypot(x, y)
    assert kstest(R, lambda r: 1.0 - (1.0 + r) * np.exp(-r)).pvalue > 1e-3
    assert kstest(z, lambda h: 0.5 * (1.0 + np.tanh(h / 0.1))).pvalue > 1e-3
    vx, vy, _ = arrays["velocity"][disc].T
    along, around = (x * vx + y * vy) / R, (x * vy - y * vx) / R
    ring = np.abs(R - 2.0) < 0.1
    # Circular speed from the forces themselves: Freeman's disc, Hernquist's halo.
    disc_part = 0.7655 * 0.5  # v²R_d/GM_d at 2 R_d is 4y²(I₀K₀ − I₁K₁)(1) = 0.3828
    halo_part = 24.0 * 2.0 / 12.0**2
    circular = np.sqrt(disc_part + halo_part)
    # A flat rotation curve has κ² = 2Ω²; it is flat to 10 % here.
    drifting = np.sqrt(circular**2 + along[ring].var() * (1.0 - 0.5 - 2.0 * 2.0))
    assert around[ring].mean() == pytest.approx(drifting, rel=0.02)
    kappa = np.sqrt(2.0) * circular / 2.0
    q = along[ring].std() * kappa / (3.36 * np.exp(-2.0) / (2.0 * np.pi))
    assert q == pytest.approx(1.4, rel=0.1)


def test_encounter_orbit():
    """Both centres lie and move as two point masses on the parabola, whatever the particles' noise."""
    chosen = {
        "primary": {"model": "hernquist", "mass": 2.0, "cutoff": 20.0},
        "secondary": {"model": "plummer", "mass": 1.0, "scale_radius": 0.5},
        "separation": 30.0,
        "pericentre": 1.5,
    }
    arrays = realisation("encounter", 3000, 13, OneRank(), **chosen)
    np.testing.assert_allclose(arrays["mass"] @ arrays["position"], 0.0, atol=1e-12)
    galaxies = [
        {name: array[part] for name, array in arrays.items()} for part in (slice(2000), slice(2000, 3000))
    ]
    distance, speed = (
        galaxies[1][name].mean(axis=0) - galaxies[0][name].mean(axis=0) for name in ("position", "velocity")
    )
    mass = arrays["mass"].sum()
    assert mass == pytest.approx(1.0 + 2.0 * (20.0 / 21.0) ** 2)
    assert np.linalg.norm(distance) == pytest.approx(30.0, rel=1e-9)
    assert 0.5 * speed @ speed - mass / 30.0 == pytest.approx(0.0, abs=1e-12)  # E = 0: a parabola
    assert np.linalg.norm(np.cross(distance, speed)) == pytest.approx(np.sqrt(2.0 * mass * 1.5), rel=1e-9)
    assert distance @ speed < 0.0


def test_galaxies_of_an_encounter_are_no_twins():
    arrays = models["encounter"](2000, 1, primary={"model": "plummer"}, secondary={"model": "plummer"})
    halves = arrays["velocity"].reshape(2, 1000, 3)
    inside = halves - halves.mean(axis=1, keepdims=True)
    assert np.abs(inside[0] - inside[1]).min() > 0.0


def test_two_body_period_and_pericentre():
    arrays = models["two_body"](2, 0, mass=3.0, mass_ratio=0.5, semi_major_axis=2.0, eccentricity=0.6)
    assert arrays["mass"].tolist() == pytest.approx([2.0, 1.0])
    distance = arrays["position"][1] - arrays["position"][0]
    speed = arrays["velocity"][1] - arrays["velocity"][0]
    assert np.linalg.norm(distance) == pytest.approx(3.2)  # apocentre
    assert 0.5 * speed @ speed - 3.0 / 3.2 == pytest.approx(-3.0 / 4.0)  # −GM/2a
    np.testing.assert_allclose(arrays["mass"] @ arrays["velocity"], 0.0, atol=1e-14)


def test_centre_of_mass_is_removed():
    arrays = realisation("plummer", 5000, 14, OneRank())
    assert np.abs(arrays["mass"] @ arrays["position"]).max() < 1e-15
    assert np.abs(arrays["mass"] @ arrays["velocity"]).max() < 1e-15
    moved = {name: array.copy() for name, array in arrays.items()}
    moved["position"] += 3.0
    remove_centre_of_mass(moved)
    np.testing.assert_allclose(moved["position"], arrays["position"], atol=1e-12)


@pytest.mark.parametrize(
    ("model", "chosen", "message"),
    [
        ("plumer", {}, "model: found 'plumer', allowed are"),
        ("plummer", {"scale_radus": 1.0}, "did you mean 'scale_radius'"),
        ("plummer", {"mass": -1.0}, "mass: found -1.0"),
        ("plummer", {"mass": float("nan")}, "mass: found nan"),
        ("plummer", {"virial_ratio": 3.0}, "virial_ratio: found 3.0"),
        ("king", {"w0": 20.0}, "w0: found 20.0"),
        ("nfw", {"concentration": 0.1}, "concentration: found 0.1"),
        ("disc", {"halo_profile": "isothermal"}, "halo_profile: found 'isothermal'"),
        ("disc", {"disc_share": 0.95, "bulge_share": 0.2}, "bulge_share: found 0.2"),
        ("encounter", {"primary": {"model": "planet"}}, "primary.model: found 'planet'"),
        ("encounter", {"secondary": {"model": "plummer", "w0": 3.0}}, "secondary.w0"),
        ("encounter", {"separation": 0.5}, "separation: found 0.5"),
        ("encounter", {"primary_share": 1.0}, "leaves one galaxy empty"),
        ("two_body", {}, "particles: found 10, the model 'two_body' has exactly 2"),
    ],
)
def test_bad_parameters_are_named(model, chosen, message):
    with pytest.raises(ValueError) as caught:
        realisation(model, 10, 1, OneRank(), **chosen)
    assert message in str(caught.value)


def test_no_particles():
    with pytest.raises(ValueError, match="particles: found 0"):
        models["plummer"](0, 1)


def test_parameters_have_defaults():
    assert parameters("king") == {"mass": 1.0, "scale_radius": 1.0, "w0": 6.0, "virial_ratio": 1.0, "G": 1.0}
