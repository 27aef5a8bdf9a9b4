"""Pair forces against plain double sums: boxes, precisions, types, exclusions, threads, devices."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from hpcphys.decomposition.cells.box import Box
from hpcphys.decomposition.communicator import Communicator
from hpcphys.forces.pairs import Expression, LennardJones, OverlapError, PairForces
from hpcphys.kernels import backend

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from pair_systems import box_of, by_id, double_sum, lattice, lennard_jones, relative, state_of

CUTOFF = 2.5
SERIAL = Communicator.serial()


def field_of(box, potential=None, *, cutoff=CUTOFF, buffer=0.4, threads=1, machine="cpu", **options):
    return PairForces(
        backend(machine, threads=threads), SERIAL, box, potential or LennardJones(shift="force"),
        cutoff=cutoff, buffer=buffer,         **options,
    )  # fmt: skip


def evaluated(field, state):
    field.evaluate(state, {"totals"})
    return field.totals()


@pytest.mark.parametrize("kind", ["cube", "tilted", "open", "slab"])
def test_double_sums_in_every_box(kind):
    x, box = box_of(kind)
    energy, force, virial = double_sum(x, box, CUTOFF)
    state = state_of(x)
    found = evaluated(field_of(box, precision="double"), state)
    assert found["energy"] == pytest.approx(energy, rel=1e-13)
    np.testing.assert_allclose(found["virial"], virial, atol=1e-11 * np.abs(virial).max())
    assert relative(by_id(state), force) < 1e-13
    assert abs(by_id(state).sum(0)).max() < 1e-9


@pytest.mark.parametrize("cutoffs", [2.0, 2.4, 2.9])
def test_small_boxes_meet_their_own_images(cutoffs):
    """An edge between two and three cutoffs: most pairs of clusters meet in several images."""
    x, edge = lattice(3)
    cutoff = edge / cutoffs
    box = Box([edge] * 3)
    energy, force, virial = double_sum(x, box, cutoff)
    state = state_of(x)
    found = evaluated(field_of(box, precision="double", cutoff=cutoff, buffer=min(0.6, edge - cutoff)), state)
    assert found["energy"] == pytest.approx(energy, rel=1e-13)
    np.testing.assert_allclose(found["virial"], virial, atol=1e-11 * np.abs(virial).max())
    assert relative(by_id(state), force) < 1e-13


def test_mixed_precision_errs_by_millionths():
    x, box = box_of("cube", 6)
    energy, force, virial = double_sum(x, box, CUTOFF)
    state = state_of(x + 1000.0)
    far = Box(box.vectors, origin=(1000.0,) * 3)
    found = evaluated(field_of(far), state)
    assert state["force"].dtype == np.float32
    assert relative(by_id(state), force) < 4e-6
    assert found["energy"] == pytest.approx(energy, rel=3e-7)
    np.testing.assert_allclose(found["virial"], virial, atol=2e-5 * np.abs(virial).max())


def two_types():
    """Atoms of two types, of different sizes, and bonds between some of them that do not meet."""
    x, box = box_of("tilted")
    rng = np.random.default_rng(3)
    types = rng.integers(0, 2, len(x))
    potential = LennardJones([1.0, 0.5], [1.0, 0.9], shift="switch", switch_from=2.0)
    near = [(i, j) for i, j in rng.integers(0, len(x), (4000, 2)) if i != j]
    distance = np.linalg.norm(box.nearest(np.array([x[i] - x[j] for i, j in near])), axis=1)
    bonds = [pair for pair, r in zip(near, distance, strict=True) if r < 1.6]
    assert len(bonds) > 20

    def pair(r2, i, j):
        e, s = potential.epsilon[types[i], types[j]], potential.sigma[types[i], types[j]]
        u3 = (s * s / r2) ** 3
        energy, force = 4 * e * u3 * (u3 - 1), 24 * e * u3 * (2 * u3 - 1) / r2
        t = np.maximum((r2 - 4.0) / (6.25 - 4.0), 0)
        weight, slope = 1 - 3 * t**2 + 2 * t**3, (6 * t**2 - 6 * t) / 2.25
        return energy * weight, force * weight - 2 * energy * slope

    return x, box, types, potential, bonds, double_sum(x, box, CUTOFF, pair, bonds)


@pytest.mark.parametrize("machine", ["cpu", "emulated"])
def test_types_switch_and_exclusions(machine):
    x, box, types, potential, bonds, (energy, force, virial) = two_types()
    state = state_of(x, types)
    found = evaluated(field_of(box, potential, exclusions=bonds, machine=machine), state)
    assert found["energy"] == pytest.approx(energy, rel=1e-6)
    np.testing.assert_allclose(found["virial"], virial, atol=2e-5 * np.abs(virial).max())
    assert relative(by_id(state), force) < 5e-6


@pytest.mark.parametrize("reproducible", [False, True])
def test_emulated_device_agrees(reproducible):
    x, box = box_of("slab", 4)
    energy, force, _ = double_sum(x, box, CUTOFF)
    options = {"reproducible": True} if reproducible else {"precision": "double"}
    state = state_of(x)
    field = field_of(box, machine="emulated", **options)
    assert evaluated(field, state)["energy"] == pytest.approx(energy, rel=1e-9)
    assert relative(by_id(state), force) < 1e-10
    if reproducible:
        other = state_of(x, seed=8)
        field_of(box, threads=2, reproducible=True).evaluate(other)
        assert np.array_equal(by_id(state), by_id(other))


def test_threads_share_the_work():
    """The same list, the same forces to rounding; in fixed point to the last bit, in any order of rows."""
    x, box = box_of("cube", 8)
    results = {}
    for fixed in (False, True):
        for threads in (1, 2, 3):
            state = state_of(x, seed=threads)
            options = {"reproducible": True} if fixed else {"precision": "double"}
            totals = evaluated(field_of(box, threads=threads, **options), state)
            results[fixed, threads] = by_id(state), totals["energy"], totals["virial"]
    # Sums in floating point do depend on who adds: the comparison below can fail.
    assert not np.array_equal(results[False, 3][0], results[False, 1][0])
    for threads in (2, 3):
        assert relative(results[False, threads][0], results[False, 1][0]) < 1e-14
        for found, expected in zip(results[True, threads], results[True, 1], strict=True):
            assert np.array_equal(found, expected)
    assert relative(results[True, 1][0], results[False, 1][0]) < 1e-10
    assert results[True, 1][1] == pytest.approx(results[False, 1][1], rel=1e-10)


def test_forces_are_the_slope_of_the_energy_and_the_virial_that_of_strain():
    x, box = box_of("tilted", 4)
    field = field_of(box, cutoff=2.3, buffer=0.1, precision="double")
    state = state_of(x)
    virial = evaluated(field, state)["virial"]
    h, row = 1e-5, 17
    for axis in range(3):
        sides = []
        for sign in (1, -1):
            moved = x.copy()
            moved[row, axis] += sign * h
            sides.append(
                evaluated(field_of(box, cutoff=2.3, buffer=0.1, precision="double"), state_of(moved))[
                    "energy"
                ]
            )
        assert -(sides[0] - sides[1]) / (2 * h) == pytest.approx(by_id(state)[row, axis], rel=1e-5, abs=1e-5)
    for a, b in ((0, 0), (1, 1), (2, 2), (1, 0), (2, 1)):
        # x → x (1 + h e_ab) keeps the box lower triangular; dE/dh = -W_ab.
        sides = []
        for sign in (1, -1):
            strain = np.eye(3)
            strain[a, b] += sign * h
            strained, other = (
                state_of((x - box.origin) @ strain + box.origin),
                field_of(box, cutoff=2.3, buffer=0.1, precision="double"),
            )
            box.scaled(strain).to_scalars(strained)
            sides.append(evaluated(other, strained)["energy"])
        assert -(sides[0] - sides[1]) / (2 * h) == pytest.approx(virial[a, b], rel=1e-5, abs=1e-4)


def verlet(field, state, steps, dt=0.004):
    """Leapfrog with unit masses; total energies of every fifth step, and the mean kinetic energy.

    Evaluations with totals prune the list: the steps between them must do without."""
    energies, kinetic = [], []
    field.evaluate(state)
    for step in range(steps):
        state["velocity"] += 0.5 * dt * state["force"]
        state["position"] += dt * state["velocity"]
        field.evaluate(state, {"totals"} if step % 5 == 0 else ())
        state["velocity"] += 0.5 * dt * state["force"]
        if step % 5 == 0:
            kinetic.append(0.5 * float((state["velocity"] ** 2).sum()))
            energies.append(kinetic[-1] + field.totals()["energy"])
    return np.array(energies), float(np.mean(kinetic))


@pytest.mark.parametrize(("precision", "drift"), [("mixed", 3e-4), ("double", 3e-4)])
def test_energy_is_conserved_over_many_lists(precision, drift):
    x, edge = lattice(6, jitter=0.02)
    state = state_of(x)
    velocity = np.random.default_rng(4).normal(size=x.shape)
    state["velocity"][:] = velocity - velocity.mean(0)
    field = field_of(Box([edge] * 3), precision=precision, buffer=0.3)
    energies, kinetic = verlet(field, state, 150)
    assert field.builds > 5
    assert field.statistics()["prunings"] > field.builds
    assert field.dangerous == 0
    spread = abs(energies - energies[0]).max() / kinetic
    assert spread < 10 * drift
    late, early = energies[-6:].mean(), energies[4:10].mean()
    assert abs(late - early) / kinetic < drift
    # The last forces are those of a new list.
    fresh = state_of(by_id(state, "position"))
    field_of(Box([edge] * 3), precision="double").evaluate(fresh)
    assert relative(by_id(state), by_id(fresh)) < 5e-6


def test_the_box_may_change_without_a_new_list():
    x, box = box_of("cube")
    state = state_of(x)
    box.to_scalars(state)
    field = field_of(box, precision="double")
    field.evaluate(state)
    builds, factor = field.builds, 1.002
    state["position"][:] *= factor
    box.scaled(factor).to_scalars(state)
    found = evaluated(field, state)
    energy, force, _ = double_sum(x * factor, box.scaled(factor), CUTOFF)
    assert field.builds == builds
    assert found["energy"] == pytest.approx(energy, rel=1e-13)
    assert relative(by_id(state), force) < 1e-12
    box.scaled(0.4).to_scalars(state)
    with pytest.raises(ValueError, match="more than half the box's width"):
        field.evaluate(state)


def test_long_range_corrections_are_those_of_nist():
    """800 atoms at L = 10, cutoff 3: U_lrc = -198.49 (NIST Standard Reference Simulation Website).

    The virial's is that of P_lrc = 32/9 π ρ² [r_c⁻⁹ - 3/2 r_c⁻³] (Allen & Tildesley 2017, eq. 2.145)."""
    energy, virial = LennardJones().tail(3.0)
    assert 0.5 * 800**2 / 1000 * energy.item() == pytest.approx(-198.49, abs=0.005)
    pressure = 0.5 * 0.8**2 * virial.item() / 3
    assert pressure == pytest.approx(32 / 9 * np.pi * 0.64 * (3.0**-9 - 1.5 * 3.0**-3), rel=1e-12)


@pytest.mark.parametrize("options", [{}, {"precision": "double"}, {"reproducible": True}])
def test_overlaps_are_named(options):
    x, box = box_of("cube")
    x[40] = x[200]
    with pytest.raises(OverlapError, match=r"atoms (40 and 200|200 and 40) are 0 apart"):
        field_of(box, **options).evaluate(state_of(x))
    x[40] = np.nan
    with pytest.raises(FloatingPointError, match=r"1 atoms are lost.*ids \[40\]"):
        field_of(box, **options).evaluate(state_of(x))


def test_bad_input_is_refused():
    box = Box([10.0] * 3)
    for problem, cutoff, buffer, options in (
        ("more than half the box's width", 5.1, 0.1, {}),
        ("buffer of at most 6", 4.0, 6.5, {}),
        ("positive cutoff", -1.0, 0.1, {}),
        ("choose mixed or double", 2.0, 0.1, {"precision": "half"}),
        ("two different ids", 2.0, 0.1, {"exclusions": [(1, 1)]}),
        ("between 0 and the buffer", 2.0, 0.1, {"inner": 0.2}),
    ):
        with pytest.raises(ValueError, match=problem):
            field_of(box, cutoff=cutoff, buffer=buffer, **options)
    with pytest.raises(ValueError, match="types up to 3"):
        field_of(box, LennardJones([1, 1], [1, 1], shift="switch", switch_from=2.0)).evaluate(
            state_of(np.arange(24.0).reshape(8, 3) % 10, [3] * 8)
        )
    field = field_of(box)
    field.evaluate(state_of(lattice(3)[0]))
    with pytest.raises(RuntimeError, match="totals were not computed"):
        field.totals()


def test_an_expression_is_the_built_in_potential():
    x, box = box_of("cube", 4)
    box = Box(box.vectors)
    energy, force, virial = double_sum(x, box, 2.2, lennard_jones)
    stated = Expression("4*eps*((s/r)^12 - (s/r)^6)", {"eps": 1.0, "s": 1.0})
    state = state_of(x)
    found = evaluated(field_of(box, stated, cutoff=2.2, precision="double"), state)
    assert found["energy"] == pytest.approx(energy, rel=1e-13)
    np.testing.assert_allclose(found["virial"], virial, atol=1e-11 * np.abs(virial).max())
    assert relative(by_id(state), force) < 1e-13


def test_empty_and_single():
    box = Box([10.0] * 3)
    for count in (0, 1, 2):
        x = np.arange(3.0 * count).reshape(count, 3) * 0.7
        state = state_of(x)
        found = evaluated(field_of(box, precision="double"), state)
        energy, force, _ = double_sum(x, box, CUTOFF)
        assert found["energy"] == pytest.approx(energy)
        np.testing.assert_allclose(by_id(state), force, atol=1e-12)
