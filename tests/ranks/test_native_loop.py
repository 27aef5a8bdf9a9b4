"""Native loops on several ranks: the numbers, messages and bytes of the program operation by operation."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from hpcphys.compiler import OperationError
from hpcphys.decomposition.communicator import Communicator
from hpcphys.physics.liquids import Langevin

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from native_liquids import difference, program_of_atoms, step_by_step

pytestmark = pytest.mark.mpi


@pytest.fixture(scope="module")
def ranks():
    return Communicator.start(abort_hook=False)


@pytest.mark.parametrize("precision", ["mixed", "double"])
@pytest.mark.parametrize("ensemble", ["nve", Langevin(1.44, 1.0)], ids=["nve", "langevin"])
def test_the_numbers_are_those_of_single_operations(ranks, ensemble, precision):
    options = {"cells": 6, "precision": precision}
    native = program_of_atoms(ranks, ensemble, **options)
    plain = step_by_step(program_of_atoms(ranks, ensemble, **options))
    for program in (native, plain):
        program.run(30)
        program.run(5, outputs=("totals",))
    assert native.system.fields[0].builds > 1
    assert difference(native, plain) == []
    if ranks.size > 1:
        for what in ("bytes", "messages", "minimum_bytes"):
            assert getattr(native.system.fields[0].halo, what) == getattr(plain.system.fields[0].halo, what)


def test_overlaps_end_all_ranks(ranks):
    program = program_of_atoms(ranks, "nve", cells=6)
    program.run(2)
    if ranks.rank == 0:
        program.state["force"][3] = np.nan
    with pytest.raises(OperationError, match="step 3"):
        program.run(9)
