"""Wavefunctions over ranks: as on one rank to round-off, whatever the division; observables and states."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from small_waves import PSI, engine, gaussian, program

from hpcphys.decomposition.communicator import Communicator
from hpcphys.kernels import backend
from hpcphys.physics.schrodinger import observables
from hpcphys.physics.schrodinger.flux import flux
from hpcphys.physics.schrodinger.imaginary import ground_state
from hpcphys.physics.schrodinger.potential import PotentialError

pytestmark = pytest.mark.mpi

CASES = [
    ((9, 5), {"potential": "x^2/2 + x*y/3 + y^2", "nonlinearity": 0.7}, "yoshida4"),
    ((17, 6, 5), {"potential": "x^2/2 + y^2*cos(t) + z^2/3", "vector_potential": {"x": "0.3*t"}}, "chin4a"),
    ((8, 8, 4), {"potential": "x^2 + z", "vector_potential": {"x": "0.3*y", "z": "0.2*x"}}, "leapfrog"),
    ((10, 3), {"potential": "x^2/2", "absorber": "y^2/30"}, "leapfrog_dkd"),
]


@pytest.fixture(scope="module")
def ranks():
    return Communicator.start(abort_hook=False)


def whole(made, array):
    """The rows of all ranks."""
    return np.concatenate(made.communicator.allgather(np.array(made.backend.host(array))))


@pytest.mark.parametrize(
    ("points", "options", "name", "machine"),
    [*((*case, "cpu") for case in CASES), (*CASES[1], "emulated"), (*CASES[2], "emulated")],
)
def test_any_division_gives_the_wavefunction_of_one_rank(ranks, points, options, name, machine):
    found = []
    for group in (ranks, Communicator.serial()):
        made = engine(points, -3, 3, machine=backend(machine), ranks=group, **options)
        run = program(made, gaussian(made.grid, 0.3, 0.4), name, 0.02)
        run.run(4)
        run.run(2)
        found.append(whole(made, run.state[PSI]))
    assert found[0].shape == points
    assert abs(found[0] - found[1]).max() < 1e-14


def test_observables_are_sums_over_ranks(ranks):
    options = {"potential": "x^2/2 + y^2", "nonlinearity": 0.5, "vector_potential": {"x": "0.3*y"}}
    found = []
    for group in (ranks, Communicator.serial()):
        made = engine((16, 12), -5, 5, ranks=group, **options)
        state = program(made, gaussian(made.grid, (0.3, -0.2), (0.5, 0.7))).state
        parts = observables.energy(state, made)
        found.append(
            [
                observables.norm(state, made), *np.concatenate(observables.position(state, made)),
                *np.concatenate(observables.momentum(state, made)), parts.kinetic, parts.potential,
                parts.interaction,
                observables.probability(state, made, {"x": (0, 3)}), flux(state, made, "y", 0.2),
                abs(observables.overlap(state, gaussian(made.grid, 0.1, 0), made)),
            ]
        )  # fmt: skip
    assert found[0] == pytest.approx(found[1], abs=1e-13)
    made = engine((16, 12), -5, 5, ranks=ranks)
    state = program(made, gaussian(made.grid, (0.3, -0.2), (0.5, 0.7))).state
    density = np.exp(-((0.7 - 0.3) ** 2)) / np.sqrt(np.pi)
    assert flux(state, made, "x", 0.7) == pytest.approx(0.5 * density, abs=1e-4)


def test_the_ground_state_does_not_depend_on_ranks(ranks):
    made = engine((16, 16), -5, 5, ranks=ranks, potential="(x^2 + 2*y^2)/2")
    (lowest,) = ground_state(made, tolerance=1e-6)
    alone = engine((16, 16), -5, 5, potential="(x^2 + 2*y^2)/2")
    assert lowest.energy == pytest.approx(ground_state(alone, tolerance=1e-6)[0].energy, abs=1e-12)
    assert lowest.energy == pytest.approx(0.5 + 0.5 * np.sqrt(2), abs=1e-5)


def test_a_potential_that_is_infinite_on_one_rank_is_an_error_on_all(ranks):
    with pytest.raises(PotentialError, match=r"potential is inf at x = -4, y = 0"):
        engine((16, 12), (-4, -3), (4, 3), ranks=ranks, potential="1/((x + 4)^2 + y^2)")


def test_a_step_sends_each_window_once_each_way(ranks):
    made = engine((12, 10), -3, 3, ranks=ranks, potential="x^2")
    run = program(made, gaussian(made.grid, 0, 0), dt=0.1)
    run.run(1)
    before = ranks.bytes_sent
    run.run(3)
    own = made.sweeps.columns.width
    rows = made.grid.shape[0]
    expected = 16 * (rows * (10 - own) + (12 - rows) * own)
    assert ranks.bytes_sent - before == (3 * expected if ranks.size > 1 else 0)
