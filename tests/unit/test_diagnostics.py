"""Diagnostics against plain formulas, and independent of how the rows are cut and ordered."""

from __future__ import annotations

import numpy as np
import pytest

from hpcphys.compiler.state import State
from hpcphys.decomposition.communicator import Communicator
from hpcphys.initial import models
from hpcphys.initial.profiles import analytic_density
from hpcphys.physics.gravity_diagnostics import (
    LAGRANGIAN_FRACTIONS,
    bin_edges,
    diagnostics,
    enclosing_radii,
    mass_histogram,
)

COMMUNICATOR = Communicator.serial()
SCALE = 3.0 * np.pi / 16.0


def plummer_state(count: int = 20_000, offset=(0.0, 0.0, 0.0)) -> State:
    """A Plummer sphere of unequal masses with its analytic potential, moved by `offset`."""
    arrays = models["plummer"](count, 21)
    generator = np.random.default_rng(1)
    arrays["mass"] = generator.uniform(0.5, 1.5, count)
    arrays["mass"] /= arrays["mass"].sum()
    arrays["potential"] = (-1.0 / np.sqrt((arrays["position"] ** 2).sum(axis=1) + SCALE**2)).astype(
        np.float32
    )
    arrays["position"] += offset
    return State(arrays)


@pytest.mark.parametrize("reproducible", [False, True])
def test_sums_are_their_formulas(reproducible):
    state = plummer_state()
    result = diagnostics(state, COMMUNICATOR, full=True, reproducible=reproducible)
    m, r, v = state["mass"], state["position"], state["velocity"]
    phi = state["potential"].astype(float)
    kinetic, binding = 0.5 * (m * (v**2).sum(axis=1)).sum(), 0.5 * (m * phi).sum()
    assert result["kinetic"] == pytest.approx(kinetic, rel=1e-13)
    assert result["potential"] == pytest.approx(binding, rel=1e-13)
    assert result["energy"] == pytest.approx(kinetic + binding, rel=1e-12)
    assert result["virial_ratio"] == pytest.approx(2.0 * kinetic / -binding, rel=1e-12)
    assert result["momentum_scale"] == pytest.approx((m * np.sqrt((v**2).sum(axis=1))).sum(), rel=1e-13)
    np.testing.assert_allclose(result["momentum"], m @ v, atol=1e-15)
    np.testing.assert_allclose(result["centre_of_mass"], m @ r, atol=1e-14)
    np.testing.assert_allclose(result["angular_momentum"], m @ np.cross(r, v), atol=1e-14)
    weight = m * phi**8
    np.testing.assert_allclose(result["centre"], weight @ r / weight.sum(), atol=1e-13)


def test_lagrangian_radii_against_sorting():
    state = plummer_state()
    result = diagnostics(state, COMMUNICATOR)
    radius = np.sqrt(((state["position"] - result["centre"]) ** 2).sum(axis=1))
    order = np.argsort(radius)
    enclosed = np.cumsum(state["mass"][order])
    exact = np.interp(LAGRANGIAN_FRACTIONS, enclosed, radius[order])
    np.testing.assert_allclose(result["lagrangian_radii"], exact, rtol=2e-3)


def test_lagrangian_radii_do_not_see_where_the_sphere_is():
    here, there = (
        diagnostics(plummer_state(offset=o), COMMUNICATOR) for o in ((0, 0, 0), (100.0, -30.0, 7.0))
    )
    np.testing.assert_allclose(there["lagrangian_radii"], here["lagrangian_radii"], rtol=1e-4)
    np.testing.assert_allclose(there["centre"] - here["centre"], (100.0, -30.0, 7.0), rtol=1e-9)


def test_centre_ignores_an_escaper():
    state = plummer_state()
    near = diagnostics(state, COMMUNICATOR)["centre"]
    position, potential = state["position"].copy(), state["potential"].copy()
    position[0], potential[0] = (1e6, 0.0, 0.0), -1e-6
    moved = State(
        {**{name: state[name] for name in state.names()}, "position": position, "potential": potential}
    )
    assert np.abs(diagnostics(moved, COMMUNICATOR)["centre"] - near).max() < 1e-3


def test_density_profile_is_the_models():
    result = diagnostics(plummer_state(200_000), COMMUNICATOR, full=True)
    radius, density = result["profile_radius"], result["profile_density"]
    assert radius.shape == density.shape == (64,)
    np.testing.assert_allclose(radius[1:] / radius[:-1], 2.0**0.25, rtol=0.01)
    inside = (radius > 0.1) & (radius < 5.0)
    expected = analytic_density("plummer", radius[inside], {})
    assert np.abs(density[inside] / expected - 1.0).max() < 0.1
    edges = np.concatenate(([radius[0] / 2**0.125], radius * 2**0.125))
    mass = (density * 4.0 / 3.0 * np.pi * np.diff(edges**3)).sum()
    assert mass == pytest.approx(1.0, abs=0.01)


def test_reproducible_sums_do_not_depend_on_the_order():
    state = plummer_state()
    shuffle = np.random.default_rng(2).permutation(state.count)
    other = State({name: state[name][shuffle] for name in state.names()})
    one, two = (diagnostics(s, COMMUNICATOR, full=True, reproducible=True) for s in (state, other))
    for name in one:
        assert np.array_equal(one[name], two[name]), name


def test_bins_have_the_edges_they_claim():
    edges = bin_edges()
    assert (np.diff(edges) > 0.0).all()
    middle = 0.5 * (edges[1:] + edges[:-1])
    position = np.zeros((middle.size, 3))
    position[:, 1] = middle
    assert np.array_equal(mass_histogram(position, np.ones(middle.size), np.zeros(3)), np.ones(middle.size))
    assert (edges[1:] / edges[:-1]).max() < 1.0 + 1.0 / 60.0
    assert enclosing_radii(np.cumsum(np.ones(middle.size)), (0.5,))[0] == pytest.approx(
        edges[middle.size // 2]
    )


@pytest.mark.parametrize("radius", [0.0, 1e-300, 1e30])
def test_radii_beyond_the_bins_are_kept(radius):
    position = np.zeros((3, 3))
    position[:, 2] = radius
    assert mass_histogram(position, np.full(3, 2.0), np.zeros(3)).sum() == 6.0


def test_one_particle():
    arrays = models["plummer"](1, 1)
    state = State({**arrays, "potential": np.zeros(1, np.float32)})
    result = diagnostics(state, COMMUNICATOR, full=True)
    assert np.isnan(result["virial_ratio"])
    assert result["potential"] == 0.0
    np.testing.assert_allclose(result["centre"], arrays["position"][0], rtol=1e-14)


def test_missing_potential_is_named():
    with pytest.raises(KeyError, match="outputs=\\{'potential'\\}"):
        diagnostics(State(models["plummer"](10, 1)), COMMUNICATOR)
