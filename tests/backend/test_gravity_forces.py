"""Whole force evaluations on every backend against NumPy, whatever the threads and the vectors."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from hpcphys.compiler.state import State
from hpcphys.decomposition.communicator import Communicator
from hpcphys.forces.direct import DirectGravity
from hpcphys.forces.tree import TreeGravity
from hpcphys.kernels import backend
from hpcphys.kernels.backend_cpu import CpuBackend

sys.path.insert(0, str(Path(__file__).resolve().parent))
from reference import MACHINES, cluster_beside_void, coincident_pairs, direct_field, one_point, plummer

SOFTENING = 0.05


class OtherProcessor(CpuBackend):
    """The CPU's kernels as built without AVX-512 (HPC_NO_AVX512), or without AVX2 too (HPC_GENERIC)."""

    def __init__(self, without):
        super().__init__(threads=1)
        self.without = without

    def module(self, name, **defines):
        return super().module(name, **{self.without: 1}, **defines)


def evaluated(machine, kind, distribution, count, **options):
    rng = np.random.default_rng(31)
    position = np.ascontiguousarray(distribution(rng, count))
    mass = 10 ** rng.uniform(-2, 0, count)
    rows = {"position": position, "mass": mass, "id": np.arange(count)}
    state = State({name: machine.array(array.copy()) for name, array in rows.items()})
    field = kind(machine, Communicator.serial(), softening=SOFTENING, **options)
    for _ in range(2):  # the second by the accelerations of the first, its rows already in order
        field.layout.exchange(state)
        field.evaluate(state, frozenset({"potential"}))
    order = np.argsort(machine.host(state["id"]))
    return {
        name: machine.host(state[name])[order] for name in ("acceleration", "potential", "work", "position")
    }, direct_field(position, mass, SOFTENING, options.get("softening_kernel", "plummer"))


@pytest.fixture(params=MACHINES)
def machine(request):
    return backend(request.param)


@pytest.mark.parametrize("distribution", [plummer, cluster_beside_void, coincident_pairs, one_point])
@pytest.mark.parametrize(
    ("kernel", "precision"), [("plummer", "mixed"), ("spline", "double"), ("none", "double")]
)
def test_tree(machine, distribution, kernel, precision):
    options = {"softening_kernel": kernel, "precision": precision, "tolerance": 0.002, "group_size": 40}
    found, wanted = evaluated(machine, TreeGravity, distribution, 333, **options)
    error = np.linalg.norm(found["acceleration"] - wanted.acceleration, axis=1)
    assert (error <= 5e-3 * wanted.pull + 1e-300).all()
    assert (np.abs(found["potential"] - wanted.potential) <= 2e-3 * np.abs(wanted.potential)).all()


@pytest.mark.parametrize("distribution", [plummer, cluster_beside_void, coincident_pairs, one_point])
@pytest.mark.parametrize("precision", ["mixed", "double"])
def test_direct(machine, distribution, precision):
    found, wanted = evaluated(machine, DirectGravity, distribution, 333, precision=precision)
    small = 2e-5 if precision == "mixed" else 1e-12
    error = np.linalg.norm(found["acceleration"] - wanted.acceleration, axis=1)
    assert (error <= small * wanted.pull + 1e-300).all()
    assert (np.abs(found["potential"] - wanted.potential) <= small * np.abs(wanted.potential)).all()


@pytest.mark.parametrize("kind", [TreeGravity, DirectGravity])
@pytest.mark.parametrize("distribution", [plummer, coincident_pairs])
def test_threads_change_no_bit(kind, distribution):
    results = [
        evaluated(backend("cpu", threads=threads), kind, distribution, 2000)[0] for threads in (1, 2, 4)
    ]
    for other in results[1:]:
        for name, array in results[0].items():
            np.testing.assert_array_equal(other[name], array, err_msg=name)


@pytest.mark.parametrize("without", ["HPC_NO_AVX512", "HPC_GENERIC"])
@pytest.mark.parametrize("precision", ["mixed", "double"])
@pytest.mark.parametrize("kind", [TreeGravity, DirectGravity])
def test_on_another_processor(kind, precision, without):
    """Eight lanes, or four of plain vectors, instead of sixteen: the same to rounding."""
    options = {"precision": precision} | ({"tolerance": 0.002} if kind is TreeGravity else {})
    found, wanted = evaluated(OtherProcessor(without), kind, cluster_beside_void, 1500, **options)
    native, _ = evaluated(backend("cpu", threads=1), kind, cluster_beside_void, 1500, **options)
    # Near the criterion's border a cell may be opened by one and not by the other: less than its error.
    small = {"mixed": 2e-5, "double": 1e-12}[precision]
    error = np.linalg.norm(found["acceleration"] - native["acceleration"], axis=1) / wanted.pull
    assert np.median(error) < small
    assert error.max() < (5e-3 if kind is TreeGravity else small)
    np.testing.assert_allclose(
        found["potential"], native["potential"], rtol=2e-3 if kind is TreeGravity else small
    )


def test_schedule_of_an_emulated_grid_changes_no_bit():
    """Blocks and threads in any order: no result depends on a race that the machine can see."""
    results = [
        evaluated(backend("emulated", schedule=s), TreeGravity, plummer, 300, group_size=40)[0]
        for s in (0, 7, 8)
    ]
    for other in results[1:]:
        for name, array in results[0].items():
            np.testing.assert_array_equal(other[name], array, err_msg=name)
