"""Runs of plasmas on ranks: the same particles, the same numbers, checkpoints for any number of ranks."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from hpcphys.decomposition.communicator import Communicator
from hpcphys.io.blocks import Block
from hpcphys.run.checkpoint import newest_checkpoint, write_checkpoint

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from small_plasmas import WAVES, simulation

pytestmark = pytest.mark.mpi

CHANGES = ("grid.cells=[16, 16]", "particles.precision='double'")


@pytest.fixture(scope="module")
def ranks():
    return Communicator.start(abort_hook=False)


@pytest.fixture(scope="module")
def folder(ranks):
    """One folder for all ranks."""
    with tempfile.TemporaryDirectory() as path:
        yield Path(ranks.bcast(path))
        ranks.barrier()


@pytest.fixture(scope="module")
def alone():
    """The same plasma on one rank, four steps on."""
    made = simulation(WAVES, *CHANGES)
    return made, [made.row(), *stepped(made, 4)]


def stepped(made, steps: int) -> list[dict]:
    found = []
    for _ in range(steps):
        made.advance(1, diagnosed=True)
        found.append(made.row())
    return found


def gathered(made, ranks) -> dict[str, np.ndarray]:
    """Ions of all ranks in the order of their ids."""
    own = made.parts.species["ions"].rows()
    everyone = ranks.allgather(own)
    rows = {name: np.concatenate([each[name] for each in everyone]) for name in own}
    order = np.argsort(rows["id"])
    return {name: values[order] for name, values in rows.items()}


def save(made, ranks, path: Path) -> None:
    place = made.placement
    arrays = {name: Block(np.asarray(made.state[name]), *place[name]) for name in made.state.names()}
    write_checkpoint(
        path, ranks, arrays | made.further_blocks(), made.state.time, made.state.step,
        scalars=made.state.scalars, memory=made.memory, job="", keep=9,
    )  # fmt: skip


def test_the_plasma_does_not_depend_on_the_ranks(ranks, alone):
    reference, expected = alone
    made = simulation(WAVES, *CHANGES, communicator=ranks)
    rows = [made.row(), *stepped(made, 4)]
    for row, wanted in zip(rows, expected, strict=True):
        for name, value in wanted.items():
            if not name.endswith(("_error", "_residual")):
                assert np.asarray(row[name]) == pytest.approx(np.asarray(value), rel=1e-11, abs=1e-12), name
    assert max(row["charge_residual"] for row in rows) < 1e-13
    found, wanted = gathered(made, ranks), reference.parts.species["ions"].rows()
    order = np.argsort(wanted["id"])
    assert np.array_equal(found["id"], wanted["id"][order])
    assert found["position"] == pytest.approx(wanted["position"][order], abs=1e-12)


def test_checkpoints_go_on_with_any_number_of_ranks(ranks, alone, folder):
    made = simulation(WAVES, *CHANGES, communicator=ranks)
    made.row()
    stepped(made, 2)
    save(made, ranks, folder)
    expected = stepped(made, 2)[-1]
    resumed = simulation(WAVES, *CHANGES, communicator=ranks, checkpoint=newest_checkpoint(folder, ranks)[0])
    found = stepped(resumed, 2)[-1]
    for name, value in expected.items():
        assert np.array_equal(np.asarray(value), np.asarray(found[name])), name
    # On one rank, from what all of them wrote: the same bits in another order of sums.
    if ranks.rank == 0:
        serial = Communicator.serial()
        again = simulation(WAVES, *CHANGES, checkpoint=newest_checkpoint(folder, serial)[0])
        for name, value in stepped(again, 2)[-1].items():
            if not name.endswith(("_error", "_residual")):
                assert np.asarray(value) == pytest.approx(np.asarray(expected[name]), rel=1e-11, abs=1e-12), (
                    name
                )
    ranks.barrier()


def test_snapshots_of_ranks_are_one_file(ranks, alone, folder):
    made = simulation(WAVES, *CHANGES, communicator=ranks)
    made.row()
    made.write_snapshot(folder / "openpmd" / "plasma_00000.h5", "job")
    if ranks.rank == 0:
        reference = simulation(WAVES, *CHANGES)
        reference.row()
        reference.write_snapshot(folder / "openpmd" / "plasma_00001.h5", "job")
        with (
            h5py.File(folder / "openpmd/plasma_00000.h5") as found,
            h5py.File(folder / "openpmd/plasma_00001.h5") as wanted,
        ):
            for name in ("E/x", "B/z", "rho", "density_electrons", "pressure_ions/xx"):
                first, second = (file[f"data/0/fields/{name}"][:] for file in (found, wanted))
                assert first == pytest.approx(second, abs=1e-12), name
            weights = [file["data/0/particles/electrons/weighting"][:] for file in (found, wanted)]
            assert np.sort(weights[0]) == pytest.approx(np.sort(weights[1]))
    ranks.barrier()


def test_a_bad_plasma_is_told_to_all_ranks(ranks):
    from hpcphys.run.errors import JobError

    with pytest.raises(JobError, match=r"species\.electrons: drift is nan at x = "):
        simulation(WAVES, *CHANGES, "species.electrons.drift=['sqrt(x - 0.3)', 0, 0]", communicator=ranks)
