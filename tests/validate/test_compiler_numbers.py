"""The numbers that compiled systems have to reach, printed with -s: orbits, bodies, lattices, thermostats."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.interpolate import CubicSpline
from scipy.stats import kstest

from hpcphys.compiler import compile_structure
from hpcphys.compiler.hamiltonian import hamiltonian
from hpcphys.kernels import backend
from hpcphys.physics.zoo import zoo_system
from hpcphys.physics.zoo.double_well import configurational_averages
from hpcphys.physics.zoo.three_bodies import PERIOD
from hpcphys.physics.zoo.toda import lax_eigenvalues

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from launching import ENVIRONMENT, ROOT

pytestmark = pytest.mark.validate


def from_zoo(name, parameters=None, state=None, **options):
    """A system of the zoo and what is known about it."""
    zoo = zoo_system(name, parameters)
    system = hamiltonian(
        " + ".join(f"({term})" for term in zoo.expression.values()),
        list(zoo.variables),
        zoo.structure,
        parameters=zoo.parameters,
        where=zoo.definitions,
        state=dict(zoo.initial) if state is None else state,
        **zoo.options,
        **options,
    )
    return system, zoo


def compiled(system, composition, dt, **options):
    program = compile_structure(system, composition, dt=dt, backend=backend("cpu"), **options)
    assert program.native is not None
    return program


def trend(time, values):
    """Slope of a linear fit and its standard error, from residuals that are taken as independent."""
    design = np.stack([time, np.ones_like(time)], axis=1)
    slope, residual = (found[0] for found in np.linalg.lstsq(design, values)[:2])
    variance = residual / (len(time) - 2) * np.linalg.inv(design.T @ design)[0, 0]
    return float(slope), float(np.sqrt(variance))


def orders(steps, errors):
    return np.diff(np.log(errors)) / np.diff(np.log(steps))


# --- Kepler and the figure eight


def test_kepler_for_ten_thousand_periods():
    """e = 0.9, order 8, 3500 steps a period, compensated sums: |ΔE/E| < 10⁻¹² at all phases, no drift."""
    system, zoo = from_zoo("kepler", {"eccentricity": 0.9})
    per_period, periods, chunk = 3500, 10_000, 34_651  # the chunk is no divisor: all phases are seen
    program = compiled(system, "kahan_li8", zoo.facts["period"] / per_period, compensated=True)
    state = system.state

    def energy():
        q, p = (state[v][0].astype(np.longdouble) + state[f"carry_{v}"][0] for v in "qp")
        return p @ p / 2 - 1 / np.sqrt(q @ q)

    start, time, error = energy(), [], []
    while state.step < per_period * periods:
        program.run(chunk)
        time.append(state.time / zoo.facts["period"])
        error.append(float(energy() / start - 1))
    slope, uncertainty = trend(np.array(time), np.array(error))
    largest = np.abs(error).max()
    print(f"\nKepler e=0.9: max |dE/E| {largest:.2e}, trend {slope:+.1e} +- {uncertainty:.0e} per period")
    assert time[-1] >= periods
    assert largest < 1e-12
    assert abs(slope) * periods < 1e-13  # over the whole run, below the oscillation that every orbit has


@pytest.mark.parametrize(("compensated", "allowed"), [(False, 1e-8), (True, 1e-11)])
def test_figure_eight_returns_after_a_hundred_periods(compensated, allowed):
    """Rounding is what keeps it from where it was: with compensated sums 100 times less is left."""
    system, _ = from_zoo("three_bodies")
    start = {name: system.state[name].copy() for name in "qp"}
    program = compiled(system, "kahan_li8", PERIOD / 2000, compensated=compensated)
    distance = {}
    for periods in (1, 100):
        program.run(2000 * periods - system.state.step)
        distance[periods] = np.sqrt(sum(((system.state[v] - start[v]) ** 2).sum() for v in "qp"))
    sums = "compensated" if compensated else "plain"
    print(
        f"\nfigure eight, {sums} sums: back within {distance[1]:.1e} after 1 period, "
        f"{distance[100]:.1e} after 100"
    )
    assert distance[100] < allowed


# --- The rigid body


@pytest.mark.parametrize(
    ("composition", "order", "steps"),
    [
        ("leapfrog", 2, (0.1, 0.05)),
        ("yoshida4", 4, (0.1, 0.05)),
        ("kahan_li6", 6, (0.4, 0.2)),
        ("kahan_li8", 8, (0.5, 0.25)),
    ],
)
def test_rigid_body_follows_jacobis_functions(composition, order, steps):
    errors = []
    for dt in steps:
        system, zoo = from_zoo("rigid_body")
        compiled(system, composition, dt).run(round(20 / dt))
        errors.append(np.abs(system.state["m"] - zoo.reference(np.array([20.0]))["m"]).max())
    (measured,) = orders(steps, errors)
    print(f"\nrigid body, {composition}: errors {errors[0]:.1e} {errors[1]:.1e}, order {measured:.2f}")
    assert abs(measured - order) < 0.1


@pytest.mark.parametrize("splitting", ["auto", "midpoint", "spherical_midpoint", "discrete_gradient"])
def test_rigid_body_for_a_million_steps(splitting):
    """Casimirs by all to rounding, energy by midpoint and discrete gradient, without trend by splittings."""
    system, zoo = from_zoo("rigid_body", splitting=splitting)
    program, moments = compiled(system, "leapfrog", 0.02), np.array(zoo.parameters["inertia"], np.longdouble)

    def invariants():
        m = system.state["m"][0].astype(np.longdouble)
        return np.array([m @ (m / moments) / 2, m @ m])

    start, rows = invariants(), []
    for _ in range(500):
        program.run(2003)
        rows.append(np.float64(invariants() / start - 1))
    energy, casimir = np.abs(rows).max(axis=0)
    slope, uncertainty = trend(np.arange(500) / 500, np.array(rows)[:, 0])
    print(
        f"\nrigid body, {splitting}, 1e6 steps: energy {energy:.1e}, Casimir {casimir:.1e}, "
        f"trend of the energy over the run {slope:+.1e} +- {uncertainty:.0e}"
    )
    assert system.state.step > 1_000_000
    assert casimir < 1e-12
    if splitting in ("midpoint", "discrete_gradient"):
        assert energy < 1e-12
    if splitting == "auto":
        assert energy < 1e-5
        assert abs(slope) < 4 * uncertainty


# --- Lattices


@pytest.mark.parametrize(
    ("composition", "order", "steps"),
    [("leapfrog", 2, (0.1, 0.05)), ("yoshida4", 4, (0.1, 0.05)), ("kahan_li6", 6, (0.4, 0.2))],
)
def test_toda_keeps_all_integrals_to_the_order(composition, order, steps):
    """The eight eigenvalues of Flaschka's matrix, each to within 0.15 of the order."""
    errors = []
    for dt in steps:
        system, _ = from_zoo("toda")
        program, state = compiled(system, composition, dt), system.state
        start, largest = lax_eigenvalues(state["q"], state["p"])[0], np.zeros(8)
        for _ in range(50):
            program.run(round(0.4 / dt))
            moved = np.abs(lax_eigenvalues(state["q"], state["p"])[0] - start)
            largest = np.maximum(largest, moved)
        errors.append(largest)
    measured = np.log2(errors[0] / errors[1])
    print(f"\nToda, {composition}: largest {errors[1].max():.1e}, orders {np.round(measured, 2)}")
    assert np.all(np.abs(measured - order) < 0.15)


def test_fput_recurs_as_in_the_report(tmp_path):
    """LA-1940, figure 1: after about 29,000 cycles all but a few per cent is back in the first mode."""
    job = ROOT / "jobs" / "zoo" / "fput.toml"
    words = ["run", str(job), "--set", f"output.directory={tmp_path / 'fput'}", "--set", "output.plots=false"]
    command = [sys.executable, "-m", "hpcphys", *words]
    done = subprocess.run(
        command, env={**os.environ, **ENVIRONMENT}, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "fput" / "summary.json").read_text())["metrics"]["results"]
    cycles, share = found["recurrence_cycles"], found["recurrence_share"]
    print(f"\nFPUT: {100 * share:.1f} % back after {cycles:.0f} cycles, least {found['lowest_share']:.3f}")
    assert abs(cycles / 29_000 - 1) < 0.03
    assert share > 0.95
    assert found["lowest_share"] < 0.15


# --- Heat

TEMPERATURE = 0.5
WELL = {"barrier": 0.25, "tilt": 0.1, "temperature": TEMPERATURE}


def sampled(expression, density, scheme, dt, friction, *, samples, every, burn, rows=100_000):
    """Mean of q² over a batch, and its standard error: the batch starts from the exact density."""
    grid, rng = np.linspace(-5.0, 5.0, 100_001), np.random.default_rng(1)
    weight = np.exp(-density(grid) / TEMPERATURE)
    share = (np.cumsum(weight) - weight / 2) / weight.sum()
    start = {
        "q": np.interp((rng.permutation(rows) + 0.5) / rows, share, grid),
        "p": np.sqrt(TEMPERATURE) * rng.standard_normal(rows),
    }
    system = hamiltonian(
        f"p^2/2 + {expression}",
        ["q", "p"],
        "langevin",
        friction=friction,
        temperature=TEMPERATURE,
        state=start,
    )
    program, total = compiled(system, scheme, dt, seed=7), np.zeros(rows)
    program.run(burn)
    for _ in range(samples):
        program.run(every)
        total += system.state["q"] ** 2
    means = total / samples
    return float(means.mean()), float(means.std() / np.sqrt(rows))


def test_baoab_samples_a_harmonic_well_without_bias():
    """At dt = 1, half of the largest stable step; OBABO's <q²> is kT/(1 - dt²/4) there."""
    ratio, error = {}, {}
    for scheme in ("baoab", "obabo"):
        mean, own = sampled(
            "q^2/2", lambda q: q**2 / 2, scheme, 1.0, 1.0, samples=40, every=3, burn=40, rows=200_000
        )
        ratio[scheme], error[scheme] = mean / TEMPERATURE, own / TEMPERATURE
        print(f"\nharmonic well, {scheme}, dt = 1: <q²>/kT = {ratio[scheme]:.5f} +- {error[scheme]:.5f}")
    assert error["baoab"] < 0.002
    assert abs(ratio["baoab"] - 1) < 4 * error["baoab"]
    assert abs(ratio["obabo"] - 4 / 3) < 4 * error["obabo"]


def well(q):
    return WELL["barrier"] * (q * q - 1) ** 2 + WELL["tilt"] * q


def well_bias(scheme, dt, friction, **options):
    """<q²> of the double well less the exact value, and the error."""
    mean, error = sampled("(q^2 - 1)^2/4 + q/10", well, scheme, dt, friction, **options)
    bias = mean - configurational_averages(**WELL)["q_squared"]
    print(f"\ndouble well, {scheme}, friction {friction:g}, dt {dt:.3f}: bias {bias:+.2e} +- {error:.1e}")
    return bias, error


def test_baoab_in_a_double_well_is_of_second_order():
    """Friction 1: order 2, less than half of OBABO's bias (Leimkuhler & Matthews 2013)."""
    steps = (0.125**0.5, 0.125**0.5 / 2)
    found = [
        well_bias("baoab", steps[0], 1.0, samples=600, every=4, burn=100),
        well_bias("baoab", steps[1], 1.0, samples=600, every=8, burn=200, rows=400_000),
    ]
    worse, _ = well_bias("obabo", 0.25, 1.0, samples=400, every=6, burn=150)
    better, _ = well_bias("baoab", 0.25, 1.0, samples=400, every=6, burn=150)
    (measured,) = orders(steps, [abs(bias) for bias, _ in found])
    uncertainty = np.hypot(*(error / bias for bias, error in found)) / np.log(2)
    print(f"\ndouble well, baoab, friction 1: order {measured:.2f} +- {uncertainty:.2f}")
    assert uncertainty < 0.2
    assert abs(measured - 2) < max(0.25, 2 * uncertainty)
    assert worse / better > 2


def strong_friction_bias(dt):
    """Of BAOAB's <q²> for exp(-friction dt) = 0, by quadrature: a chain of one variable, q at the step's O.

    x' = x + dt p - dt²/2 V'(x + dt p/2), p normal at kT; q = x + dt p/2 is what the step ends with.
    """
    points, edge = 700, 5.0
    x = np.linspace(-edge, edge, points)
    nodes, weights = np.polynomial.hermite_e.hermegauss(48)
    weights, p = weights / weights.sum(), np.sqrt(TEMPERATURE) * nodes
    q = x[:, None] + 0.5 * dt * p
    slope = 4 * WELL["barrier"] * q * (q * q - 1) + WELL["tilt"]
    after = np.clip(q + 0.5 * dt * p - 0.5 * dt * dt * slope, -edge, edge)
    spline = CubicSpline(x, np.eye(points))
    chain = sum(weight * spline(after[:, k]) for k, weight in enumerate(weights))
    for _ in range(14):  # 2^14 steps: every row is the stationary density
        chain = chain @ chain
        chain /= chain.sum(axis=1, keepdims=True)
    mean = (chain @ (q**2 @ weights))[points // 2]
    return mean - configurational_averages(**WELL)["q_squared"]


def test_baoab_in_a_double_well_is_of_fourth_order_under_strong_friction():
    """The bias is that of the chain, whose order is 4; OBABO's is of order 2 and 30 times as large."""
    steps = (0.25, 0.2)
    (order,) = orders(steps, [abs(strong_friction_bias(dt)) for dt in steps])
    wanted = strong_friction_bias(0.5)
    bias, error = well_bias("baoab", 0.5, 50.0, samples=1000, every=8, burn=200)
    worse, _ = well_bias("obabo", 0.5, 50.0, samples=200, every=8, burn=200)
    print(f"\ndouble well, baoab, strong friction: order {order:.2f}, bias by quadrature {wanted:+.2e}")
    assert abs(order - 4) < 0.15
    assert abs(bias - wanted) < 4 * error
    assert error < abs(wanted) / 5
    assert abs(worse / bias) > 10


@pytest.mark.parametrize("length", [1, 3])
def test_nose_hoover_chain_samples_the_gaussian(length):
    """Kolmogorov and Smirnov's distance, moments to the fourth of one orbit; one thermostat is too few."""
    system, _ = from_zoo("nose_hoover_oscillator", {"length": length})
    program, rows = compiled(system, "leapfrog", 0.05), []
    for _ in range(40_000):
        program.run(41)
        rows.append((system.state["q"][0], system.state["p"][0]))
    gaussian = True
    for name, z in zip("qp", np.array(rows).T, strict=True):
        distance = kstest(z, "norm").statistic
        second, fourth = np.mean(z**2), np.mean(z**4) / 3
        print(f"\n{length} thermostats: {name}: distance {distance:.4f}, moments {second:.3f} {fourth:.3f}")
        gaussian &= distance < 0.01 and abs(second - 1) < 0.02 and abs(fourth - 1) < 0.05
    assert gaussian == (length > 1)
