"""Kernels of halo.h against NumPy, on the CPU, on the emulated CUDA machine and on a GPU."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from hpcphys.decomposition.cells.box import Box
from hpcphys.decomposition.cells.layout import Cells
from hpcphys.decomposition.cells.placing import placed
from hpcphys.decomposition.cells.shell import distance, gram
from hpcphys.decomposition.communicator import Communicator
from hpcphys.kernels import backend

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from reference import MACHINES
from short_range import OBTUSE, STRAIGHT, TILTED

SHAPES = {"straight": np.diag(STRAIGHT), "tilted": np.array(TILTED), "obtuse": np.array(OBTUSE)}


@pytest.fixture(params=MACHINES)
def machine(request):
    return backend(request.param)


class Grid(Communicator):
    """A communicator of one process that lets a layout believe in more ranks."""

    def __init__(self, size):
        super().__init__(None)
        self.size = size


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("periodic", [(True, True, True), (False, True, False)])
def test_place_rows(machine, shape, periodic):
    box = Box(SHAPES[shape], origin=(1.0, -2.0, 3.0), periodic=periodic)
    borders = [[0, 0.1, 0.1, 1], [0, 0.3, 1], [0, 0.2, 0.7, 0.9, 1]]
    cells = Cells(box, Grid(24), reach=1.0, grid=(3, 2, 4), borders=borders, backend=machine)
    rng = np.random.default_rng(1)
    x, image = box.cartesian(rng.random((700, 3)) * 6 - 2), rng.integers(-5, 5, (700, 3)).astype(np.int32)
    x[5], x[9, 2], x[11] = np.nan, np.inf, 1e25
    x[13] = box.origin - 1e-16  # rounded to the upper faces when the box is added
    position, counted = machine.array(x.copy()), machine.array(image.copy())
    owner = machine.host(placed(cells, position, counted))
    lost = [5, 9] if periodic != (True, True, True) else [5, 9, 11]
    assert (owner[lost] == -1).all()
    good = np.setdiff1d(np.arange(700), [5, 9, 11])
    wrapped, expected = x[good], image[good]
    box.wrap(wrapped, expected)
    np.testing.assert_allclose(machine.host(position)[good], wrapped, atol=1e-11)
    assert (machine.host(counted)[good] == expected).all()
    s = box.fractional(machine.host(position)[good])
    assert (s[:, periodic] < 1).all()
    place = [np.searchsorted(planes[1:-1], s[:, d], side="right") for d, planes in enumerate(borders)]
    assert (owner[good] == np.ravel_multi_index(place, (3, 2, 4))).all()
    again = machine.array(x[good].copy())
    assert (machine.host(placed(cells, again, None)) == owner[good]).all()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_within_reach(machine, shape, axis):
    box = Box(SHAPES[shape], origin=(1.0, -2.0, 3.0))
    rng = np.random.default_rng(2)
    reach, planes = 1.7, np.array([0.4, 0.5, 0.9])
    shift = rng.integers(-1, 2, (900, 3)).astype(np.int8)
    shift[::2] = 0
    # Around the corner where the planes meet, where each part of the distance counts.
    x = box.cartesian(planes + (3 * rng.random((900, 3)) - 1) / box.widths - shift)
    zone = rng.integers(0, 8, 900).astype(np.uint8)
    lower = [(0, 0), (1, 0), (2, 0), (1, 1), (2, 1), (2, 2)]
    inverse = [box.inverse[at] for at in lower]
    shell = machine.array(np.concatenate((box.origin, inverse, planes, box.widths, [reach**2], gram(box))))
    module = machine.module("halo")
    for shifted, zones in ((shift, zone), (None, None)):
        flags = machine.empty(900, np.uint8)
        given = [None if a is None else machine.array(a) for a in (shifted, zones)]
        module.launch("within_reach", 900, machine.array(x), *given, axis, shell, flags)
        s = box.fractional(x) + (0 if shifted is None else shifted)
        bits = (np.zeros(900, int) if zones is None else zones.astype(int)) | 1 << axis
        expected = np.zeros(900, bool)
        for beyond in range(1, 8):
            subset = [d for d in range(3) if beyond >> d & 1]
            these = bits == beyond
            heights = ((s - planes) * box.widths)[these][:, subset]
            expected[these] = distance(heights, box.normals[subset]) <= reach
        assert (machine.host(flags) == expected).all()
        assert 50 < expected.sum() < 850


def test_overhang(machine):
    box = Box(np.array(TILTED))
    cells = Cells(box, Communicator.serial(), reach=1.0, backend=machine)
    rng = np.random.default_rng(3)
    s = rng.random((1000, 3)) * 1.2 - 0.1
    planes = np.array([0.0, -np.inf, 0.3, 0.5, 1.0, np.inf])
    most = machine.empty((8, 6))
    arguments = machine.array(box.cartesian(s)), cells.frame, machine.array(planes), most
    machine.module("halo").launch("overhang", 8, 1000, 128, *arguments)
    expected = np.concatenate((planes[:3] - s, s - planes[3:]), axis=1).max(axis=0).clip(0)
    np.testing.assert_allclose(machine.host(most).max(axis=0), expected, atol=1e-14)


@pytest.mark.parametrize(("unit", "kind"), [(8, np.uint64), (4, np.uint32), (1, np.uint8)])
@pytest.mark.parametrize("width", [1, 3])
def test_pack_rows(machine, unit, kind, width):
    rng = np.random.default_rng(4)
    both = rng.integers(0, 255, (900, width)).astype(kind)
    rows = rng.permutation(900)[:500].astype(np.int32)
    found = machine.zeros((500, width), kind)
    own, halo = machine.array(both[:600]), machine.array(both[600:])
    machine.module("halo").launch(f"pack_rows{unit}", 500, machine.array(rows), 600, own, halo, found, width)
    np.testing.assert_array_equal(machine.host(found), both[rows])


@pytest.mark.parametrize(
    ("kernel", "kind"), [("add_rows64", np.float64), ("add_rows32", np.float32), ("add_rows_fixed", np.int64)]
)
def test_add_rows(machine, kernel, kind):
    rng = np.random.default_rng(5)
    both, terms = (
        (100 * rng.normal(size=(900, 3))).astype(kind),
        (100 * rng.normal(size=(500, 3))).astype(kind),
    )
    rows = rng.permutation(900)[:500].astype(np.int32)
    own, halo = machine.array(both[:600].copy()), machine.array(both[600:].copy())
    machine.module("halo").launch(kernel, 500, machine.array(rows), 600, machine.array(terms), own, halo, 3)
    both[rows] += terms
    np.testing.assert_array_equal(np.concatenate((machine.host(own), machine.host(halo))), both)
