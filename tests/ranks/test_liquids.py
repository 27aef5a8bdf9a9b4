"""Runs of liquids give the same answer on every number of ranks."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from hpcphys.decomposition.communicator import Communicator
from hpcphys.run.errors import RunError

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from liquid_jobs import DUMB_BELLS, LANGEVIN, LATTICE, MOLECULES, MTK, NVE, PAIRS, job_text, saved, started

pytestmark = pytest.mark.mpi

DOUBLE = PAIRS + '\nprecision = "double"'
SEEN = "[observables]\nrdf = { every = 20, bins = 30 }\nmsd = { every = 10, points = 4, levels = 2 }\n"


@pytest.fixture(scope="module")
def communicator():
    return Communicator.start(abort_hook=False)


def numbers(simulation) -> dict[str, float]:
    """What must not depend on the ranks."""
    row = simulation.row()
    found = {
        name: row[name] for name in ("temperature", "potential_energy", "pressure", "volume", "conserved")
    }
    return found | {f"pressure {k}": value for k, value in enumerate(row["pressure_tensor"])}


def looked_at(simulation, steps: int) -> dict[str, object]:
    """Numbers, counts of g(r) and displacements after so many steps."""
    simulation.advance(steps, diagnosed=True)
    found: dict[str, object] = {"numbers": numbers(simulation)}
    seen = simulation.observing.watched
    if "rdf" in seen:
        found["counted"] = seen["rdf"].observable.result().counted
        found["msd"] = seen["msd"].observable.result().msd
    return found


def alone(communicator, action):
    """What an action on one rank gives, done by rank 0, on all ranks."""
    return communicator.bcast(action() if communicator.rank == 0 else None)


@pytest.mark.parametrize(
    ("initial", "ensemble", "more", "steps"),
    [(LATTICE, NVE, SEEN, 100), (DUMB_BELLS, MTK, MOLECULES, 40)],
    ids=["nve", "dumb-bells mtk"],
)
def test_energies_are_the_same_to_round_off(communicator, initial, ensemble, more, steps):
    text = job_text(initial, DOUBLE, ensemble, more)
    expected = alone(communicator, lambda: looked_at(started(text), steps))
    found = looked_at(started(text, communicator=communicator), steps)
    for name, value in found["numbers"].items():
        assert value == pytest.approx(expected["numbers"][name], rel=2e-9, abs=2e-9), name
    if more is SEEN:
        assert np.array_equal(found["counted"], expected["counted"])
        assert found["msd"] == pytest.approx(expected["msd"], rel=1e-8)


def test_reproducible_runs_are_the_same_bit_for_bit(communicator):
    """Langevin dynamics with its noise, in fixed-point sums."""
    text = job_text(ensemble=LANGEVIN, more="[run]\nreproducible = true")

    def serial():
        simulation = started(text)
        simulation.advance(30, diagnosed=True)
        ordered = simulation.state["velocity"][np.argsort(simulation.state["id"])]
        return ordered.tobytes(), numbers(simulation)

    velocities, expected = alone(communicator, serial)
    together = started(text, communicator=communicator)
    together.advance(30, diagnosed=True)
    rows, _ = communicator.allgather_rows(together.state["id"])
    velocity, _ = communicator.allgather_rows(together.state["velocity"])
    assert velocity[np.argsort(rows)].tobytes() == velocities
    assert numbers(together) == expected


def test_a_checkpoint_of_these_ranks_is_continued_bit_for_bit(communicator, tmp_path):
    text = job_text(more=SEEN)
    folder = Path(communicator.bcast(str(tmp_path)))
    whole, parted = (started(text, communicator=communicator) for _ in range(2))
    whole.advance(34, diagnosed=True)
    parted.advance(21, diagnosed=False)
    resumed = started(text, saved(parted, folder), communicator=communicator)
    resumed.advance(13, diagnosed=True)
    same = all(whole.state[n].tobytes() == resumed.state[n].tobytes() for n in whole.state.names())
    assert communicator.agree(not same) == 0
    assert resumed.row()["pressure"] == whole.row()["pressure"]


def test_failures_are_told_by_all_ranks_with_the_same_words(communicator):
    with pytest.raises(RunError) as caught:
        started(job_text(LATTICE.replace("1.2", "1e8")), communicator=communicator).advance(
            20, diagnosed=True
        )
    texts = set(communicator.allgather(str(caught.value)))
    assert len(texts) == 1
    assert "No checkpoint of this state is written" in texts.pop()
