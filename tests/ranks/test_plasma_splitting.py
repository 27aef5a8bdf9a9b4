"""The Hamiltonian splitting on several ranks is that of one, and keeps Gauss's law there."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from hpcphys.compiler import compile_structure
from hpcphys.decomposition.communicator import Communicator

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from split_plasmas import SmallPlasma

pytestmark = pytest.mark.mpi


def end(communicator, shape, order):
    """Owned E and B after some steps, the largest residual of Gauss's law, and who has which particles."""
    plasma = SmallPlasma(shape, order, n=200, communicator=communicator)
    plasma.fields.initial_E(plasma.charge())
    compile_structure(plasma.system, "leapfrog", dt=0.2).run(8)
    residual = plasma.fields.gauss_residual(plasma.charge())
    return plasma, plasma.values(), plasma.particles.rows(), residual


@pytest.fixture(scope="module")
def ranks():
    return Communicator.start(abort_hook=False)


@pytest.mark.parametrize(("shape", "order"), [((16,), 2), ((20, 15), 3), ((10, 9, 8), 1)], ids=str)
def test_ranks_agree(ranks, shape, order):
    world = ranks
    if world.size > 2 and len(shape) == 1:
        pytest.skip("blocks thinner than their guards")
    plasma, values, rows, residual = end(world, shape, order)
    alone, expected, all_rows, _ = end(Communicator.serial(), shape, order)
    assert residual < 5e-14
    blocks = plasma.blocks
    window = tuple(slice(s, s + n) for s, n in zip(blocks.start, blocks.count, strict=True))
    for name in ("E", "B"):
        assert abs(values[name] - expected[name][(slice(None), *window)]).max() < 1e-13
    assert world.allreduce(len(rows["id"]), "sum") == 200
    place = np.argsort(all_rows["id"])[rows["id"]]
    shift = abs(rows["position"] - all_rows["position"][place])
    assert np.minimum(shift, alone.length - shift).max(initial=0.0) < 1e-13
    assert abs(rows["momentum"] - all_rows["momentum"][place]).max(initial=0.0) < 1e-13
