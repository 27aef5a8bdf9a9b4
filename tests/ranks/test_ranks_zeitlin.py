"""Zeitlin's model with its rows shared by ranks: the same numbers as on one rank, to round-off."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from hpcphys.compiler import OperationError, State, compile_structure, verify_structure
from hpcphys.compiler.structures import VorticityStructure
from hpcphys.decomposition.communicator import Communicator
from hpcphys.kernels import backend
from hpcphys.physics.vorticity.conserving import conserving
from hpcphys.physics.zeitlin import SineBracket, ZeitlinStructure, zeitlin

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from vorticity_peer import Modes, PlainAdvection

pytestmark = pytest.mark.mpi

CPU = backend("cpu", threads=1)
SIZES = [(5, "weyl"), (21, "zeitlin"), (24, "weyl")]


@pytest.fixture(scope="module")
def ranks():
    return Communicator.start(abort_hook=False)


def models(n, angle, ranks):
    """(distributed, alone) brackets."""
    return (SineBracket(n, CPU, ranks, angle=angle), SineBracket(n, CPU, Communicator.serial(), angle=angle))


def own(array, model):
    rows = model.matrices
    return array[rows.first : rows.last].copy()


def hermitian(n, seed):
    rng = np.random.default_rng(seed)
    matrix = rng.standard_normal((n, n)) + 1j * rng.standard_normal((n, n))
    return matrix + matrix.conj().T


@pytest.mark.parametrize(("n", "angle"), SIZES)
def test_products_adjoints_and_stream_matrices(ranks, n, angle):
    shared, alone = models(n, angle, ranks)
    a, b = hermitian(n, 1), hermitian(n, 2) @ hermitian(n, 3)
    rows = shared.matrices
    np.testing.assert_allclose(rows.product(own(a, shared), own(b, shared)), own(a @ b, shared), atol=1e-11)
    assert np.array_equal(rows.adjoint(own(b, shared)), own(b.conj().T, shared))
    found = shared.stream_matrix(own(a, shared), 0.5j)
    np.testing.assert_allclose(found, own(alone.stream_matrix(a, 0.5j), shared), atol=1e-13)
    assert shared.energy(own(a, shared)) == pytest.approx(alone.energy(a), rel=1e-13)
    for power, value in shared.casimirs(own(a, shared)).items():
        assert value == pytest.approx(alone.casimirs(a)[power], rel=1e-12)


@pytest.mark.parametrize(("n", "angle"), SIZES)
def test_amplitudes_and_matrices(ranks, n, angle):
    shared, alone = models(n, angle, ranks)
    modes = Modes(shared.cutoff, rank=ranks.rank, size=ranks.size)
    given = modes.random(shared.cutoff, 0.0)
    matrix = shared.matrix_of(given[modes.kx])
    np.testing.assert_allclose(matrix, own(alone.matrix_of(given), shared), atol=1e-14)
    np.testing.assert_allclose(shared.amplitudes_of(matrix), given[modes.kx], atol=1e-14)


@pytest.mark.parametrize(("n", "angle"), SIZES[:2])
def test_the_isospectral_step(ranks, n, angle):
    shared, alone = models(n, angle, ranks)
    start = alone.matrix_of(Modes(2).random(2, seed=4))
    programs = [
        compile_structure(zeitlin(State({"vorticity": array}), model), "yoshida4", dt=0.05)
        for array, model in ((own(start, shared), shared), (start.copy(), alone))
    ]
    before = shared.casimirs(programs[0].state["vorticity"])
    for program in programs:
        program.run(2)
    found, expected = (program.state["vorticity"] for program in programs)
    np.testing.assert_allclose(found, own(expected, shared), atol=1e-13)
    assert np.linalg.norm(expected - start) > 0.005
    after = shared.casimirs(found)
    assert all(abs(after[m] - before[m]) < 1e-13 * before[m] for m in (2, 4, 6))
    assert np.array_equal(found, shared.matrices.adjoint(found))


def test_what_a_product_sends(ranks):
    """Each product passes N²(1 - 1/P) numbers through a rank: its own rows and those that it hands on."""
    shared, _ = models(24, "weyl", ranks)
    matrix = own(hermitian(24, 1), shared)
    ranks.reset_counters()
    shared.matrices.product(matrix, matrix)
    after = (ranks.rank + 1) % ranks.size
    received_by_next = 24 - (shared.matrices.bounds[after + 1] - shared.matrices.bounds[after])
    expected = 16 * 24 * received_by_next if ranks.size > 1 else 0
    assert ranks.bytes_sent == expected


def test_the_structure(ranks):
    shared, _ = models(6, "weyl", ranks)
    structure = ZeitlinStructure(shared)
    z = structure.covector({}, ["vorticity"], np.random.default_rng(1))
    verify_structure(structure, z, tolerance=1e-9, trials=2)


def test_failures_are_the_same_on_all_ranks(ranks):
    shared, _ = models(21, "weyl", ranks)
    wrong = own(1j * hermitian(21, 1), shared)
    with pytest.raises(ValueError, match="not Hermitian"):
        zeitlin(State({"vorticity": wrong}), shared)
    state = State({"vorticity": own(hermitian(21, 1), shared)})
    program = compile_structure(zeitlin(state, shared), "leapfrog", dt=5.0)
    with pytest.raises(OperationError, match="no convergence"):
        program.step()


class GatheredAdvection:
    """The plain tendency of the gathered columns, on every rank."""

    def __init__(self, modes, ranks):
        self.modes, self.ranks = modes, ranks
        self.alone = PlainAdvection(Modes(modes.cutoff))

    def tendency(self, vorticity):
        plane = np.concatenate(self.ranks.allgather(vorticity))
        return self.alone.tendency(plane)[self.modes.kx]


def test_the_conserving_midpoint_and_its_structure(ranks):
    modes, plane = Modes(4, rank=ranks.rank, size=ranks.size), Modes(4)
    start = plane.random(4)
    state = State({"vorticity": start[modes.kx]})
    system = conserving(state, GatheredAdvection(modes, ranks), modes, CPU, ranks)
    compile_structure(system, "leapfrog", dt=0.1).run(4)
    alone = State({"vorticity": start.copy()})
    serial = Communicator.serial()
    peer = conserving(alone, PlainAdvection(plane), plane, CPU, serial)
    compile_structure(peer, "leapfrog", dt=0.1).run(4)
    np.testing.assert_allclose(state["vorticity"], alone["vorticity"][modes.kx], atol=1e-14)
    found = verify_structure(VorticityStructure(modes, ranks), {"vorticity": start[modes.kx]}, trials=2)
    assert found["antisymmetry"] < 1e-14
