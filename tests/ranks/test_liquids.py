"""Liquids on several ranks: trajectories do not depend on who owns an atom."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from hpcphys.compiler.constraints import ConstraintError
from hpcphys.decomposition.communicator import Communicator
from hpcphys.kernels import backend
from hpcphys.physics.liquids import (
    CellRescaling,
    Langevin,
    MartynaTobiasKlein,
    NoseHooverChain,
    RigidMolecules,
    VelocityRescaling,
    conserved,
    dumb_bell,
    liquid,
    maxwell_boltzmann,
)

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from small_liquids import AllPairs, atoms, lattice, molecules

pytestmark = pytest.mark.mpi

CPU, ALONE = backend("cpu", threads=1), Communicator.serial()
DUMB = dumb_bell((0, 0), 0.6)
ENSEMBLES = {
    "nve": "nve",
    "langevin": Langevin(1.0, 1.0),
    "groups": NoseHooverChain([1.2, 0.9], 0.5, groups=[[0], [1]]),
    "rescaling": VelocityRescaling(1.0, 0.2),
    "mtk": MartynaTobiasKlein(1.0, 0.5, 1.0, 1.0, flexible=True),
    "cell": CellRescaling(1.0, 0.5, 0.1, Langevin(1.0, 1.0), every=3),
}


@pytest.fixture(scope="module")
def ranks():
    return Communicator.start(abort_hook=False)


def shared(state, ranks, molecule=1):
    """The rows of this rank: whole molecules, dealt out in turn; the last of four ranks owns nothing."""
    owners = max(ranks.size - 1, 1) if ranks.size > 3 else ranks.size
    own = state["id"] // molecule % owners == ranks.rank
    state.replace({name: np.ascontiguousarray(state[name][own]) for name in state.names()})
    return state


def moved(ensemble, ranks, rigid):
    """Positions by id after 10 steps, and the conserved quantity."""
    if rigid:
        state, _ = molecules(DUMB, 2, 1.9, masses=[1.0, 2.0])
    else:
        x, edge = lattice(2, 0.7)
        state = atoms(x, box=edge, types=np.arange(len(x)) % 2)
    state = shared(state, ranks, 2 if rigid else 1)
    field = AllPairs(ranks, cutoff=1.5)
    bound = RigidMolecules([DUMB]) if rigid else None
    given = {"constraints": bound}
    maxwell_boltzmann(state, 1.0, CPU, ranks, seed=3, exact=True, field=field, **given)
    system = liquid(state, field, CPU, ranks, ensemble=ensemble, reproducible=True, **given)
    system.program(0.004).run(10)
    rows = np.concatenate(ranks.allgather(np.column_stack([state["id"], state["position"]])))
    return rows[np.argsort(rows[:, 0])], conserved(system)["conserved"]


@pytest.mark.parametrize(
    ("name", "rigid"),
    [*((name, False) for name in ENSEMBLES), ("langevin", True), ("mtk", True), ("cell", True)],
)
def test_same_trajectory_on_every_number_of_ranks(ranks, name, rigid):
    found, energy = moved(ENSEMBLES[name], ranks, rigid)
    wanted, own = moved(ENSEMBLES[name], ALONE, rigid)
    assert np.array_equal(found, wanted)
    assert energy == own


def test_errors_reach_every_rank(ranks):
    state = shared(atoms(np.zeros((9, 3)), mass=np.r_[np.ones(8), 0.0]), ranks)
    with pytest.raises(ValueError, match=r"1 atoms.* id 8"):
        maxwell_boltzmann(state, 1.0, CPU, ranks)
    state, _ = molecules(DUMB, 2, 1.9, masses=[1.0, 2.0])
    state["position"][state["id"] == 5] += 0.1
    state = shared(state, ranks, 2)
    system = liquid(state, AllPairs(ranks, 1.5), CPU, ranks, constraints=RigidMolecules([DUMB]))
    with pytest.raises(ConstraintError, match="ids 4 and 5"):
        system.program(0.001)
