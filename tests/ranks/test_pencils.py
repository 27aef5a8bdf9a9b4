"""Pencils and Fourier transforms on any number of ranks: against NumPy on the whole field, and counted."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from hpcphys.decomposition.communicator import Communicator
from hpcphys.decomposition.pencils import device_memory
from hpcphys.decomposition.pencils.layout import Pencil
from hpcphys.decomposition.pencils.process_grid import LayoutError
from hpcphys.decomposition.pencils.transform import FourierTransform

pytestmark = pytest.mark.mpi

ROUND_OFF = {"double": 4e-15, "single": 1e-6}


@pytest.fixture(scope="module")
def ranks():
    return Communicator.start(abort_hook=False)


def grids(size):
    """Shapes that do not divide, in slabs and in pencils: 2 × 2 on 4 ranks, 4 × 2 and 2 × 4 on 8."""
    cases = [((19, 21), None), ((17, 9, 19), "slab"), ((9, 10, 11), "pencil")]
    return [*cases, ((9, 17, 18), (2, 4))] if size == 8 else cases


def numbers(shape, dtype, seed=3):
    """The same random field on all ranks."""
    rng = np.random.default_rng(seed)
    field = rng.normal(size=shape)
    return (field + 1j * rng.normal(size=shape) if np.dtype(dtype).kind == "c" else field).astype(dtype)


def test_boxes_are_those_of_mpi4py_fft_and_cover_the_field(ranks):
    from mpi4py_fft.pencil import Pencil as Peer

    for shape, grid in grids(ranks.size):
        for aligned in range(len(shape)):
            pencil = Pencil(shape, ranks, grid, aligned)
            groups = [group.mpi for group in pencil.processes.groups]
            peer = Peer(groups, shape, aligned)
            assert (pencil.subshape, pencil.substart) == (peer.subshape, peer.substart)
            marks = np.zeros(shape, int)
            marks[pencil.slices] = 1
            assert (ranks.allreduce(marks) == 1).all()


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("dtype", ["f4", "f8", "c8", "c16"])
def test_transfers_move_every_value_to_its_place(ranks, packed, dtype):
    for shape, grid in grids(ranks.size):
        field = numbers(shape, dtype)
        last = len(shape) - 1
        for axis in range(last, 0, -1):
            source, target = (Pencil(shape, ranks, grid, a) for a in (axis, axis - 1))
            transfer = source.transfer(target, dtype, packed)
            ranks.reset_counters()
            there = transfer.forward(field[source.slices].copy(), np.empty(target.subshape, dtype))
            assert (there == field[target.slices]).all()
            assert (ranks.bytes_sent, ranks.messages_sent) == (transfer.bytes, transfer.messages)
            back = transfer.backward(there, np.empty(source.subshape, dtype))
            assert (back == field[source.slices]).all()
            assert ranks.bytes_sent == transfer.bytes + transfer.bytes_back
            # Nothing is lost and nothing is sent that stays: Σ sent = Σ (points - points kept).
            kept = np.zeros(shape, bool)
            kept[source.slices] = True
            kept = kept[target.slices].sum() * np.dtype(dtype).itemsize
            assert transfer.bytes == source.count * np.dtype(dtype).itemsize - kept


@pytest.mark.parametrize("library", ["fftw", "arrays"])
@pytest.mark.parametrize("precision", ["double", "single"])
@pytest.mark.parametrize("real", [False, True])
def test_transform_is_numpys_and_its_own_inverse(ranks, real, precision, library):
    for shape, grid in grids(ranks.size):
        transform = FourierTransform(
            shape, ranks, real, precision, effort="estimate", grid=grid, library=library
        )
        field = numbers(shape, transform.physical_type)
        wanted = (np.fft.rfftn if real else np.fft.fftn)(
            field.astype("f8" if real else "c16"), norm="forward"
        )
        points = field[transform.physical.slices].copy()
        amplitudes = transform.forward(points)
        assert amplitudes.dtype == transform.spectral_type
        assert (points == field[transform.physical.slices]).all()
        error = np.abs(amplitudes - wanted[transform.spectral.slices]).max()
        assert error < ROUND_OFF[precision]
        kept = amplitudes.copy()
        assert np.abs(transform.backward(amplitudes) - points).max() < 10 * ROUND_OFF[precision]
        assert (amplitudes == kept).all()


@pytest.mark.parametrize("library", ["fftw", "arrays"])
@pytest.mark.parametrize("real", [False, True])
def test_results_do_not_depend_on_where_they_are_put(ranks, real, library):
    """Into an array of the caller's, over the input, and in memory that FFTW cannot use: bit for bit."""
    for shape, grid in grids(ranks.size)[1:]:
        transform = FourierTransform(shape, ranks, real, effort="estimate", grid=grid, library=library)
        points = numbers(shape, transform.physical_type)[transform.physical.slices].copy()
        amplitudes = transform.forward(points)
        restored = transform.backward(amplitudes)
        for overwrite, misplaced in itertools.product((False, True), (False, True)):
            place = displaced if misplaced and ranks.rank == 0 else np.copy
            out = place(np.zeros_like(amplitudes))
            assert transform.forward(place(points), out, overwrite) is out
            assert np.abs(out - amplitudes).max() < ROUND_OFF["double"]
            out = place(np.zeros_like(points))
            assert transform.backward(place(amplitudes), out, overwrite) is out
            assert np.abs(out - restored).max() < ROUND_OFF["double"]
            assert np.abs(transform.forward(place(points), overwrite=overwrite) - amplitudes).max() < 4e-15
            assert np.abs(transform.backward(place(amplitudes), overwrite=overwrite) - restored).max() < 4e-15


def displaced(array):
    """A copy whose memory starts between the boundaries that vector units want."""
    raw = np.empty(array.nbytes + 8, np.uint8)[8:].view(array.dtype).reshape(array.shape)
    raw[...] = array
    return raw


def test_one_rank_transforms_in_place(ranks):
    transform = FourierTransform((6, 8), Communicator.serial(), effort="estimate")
    points = numbers((6, 8), "c16")
    amplitudes = transform.forward(points)
    work = points.copy()
    assert transform.forward(work, work) is work
    assert np.abs(work - amplitudes).max() < 1e-15
    assert transform.backward(work, overwrite=True) is work
    assert np.abs(work - points).max() < 1e-14
    assert "work space: 0 bytes" in transform.describe()


def test_bytes_are_counted_and_follow_the_model(ranks):
    """Where the ranks divide the grid the count is the model: (N/P) Σ (1 - 1/p) values, p - 1 messages."""
    shapes = {"slab": (24, 48), "pencil": (24, 24, 24)}
    for grid, shape in shapes.items():
        for library in ("fftw", "arrays"):
            transform = FourierTransform(shape, ranks, effort="estimate", grid=grid, library=library)
            points = numbers(shape, "c16")[transform.physical.slices].copy()
            ranks.reset_counters()
            amplitudes = transform.forward(points)
            assert ranks.bytes_sent == transform.bytes == transform.model_bytes
            assert ranks.messages_sent == transform.messages == sum(p - 1 for p in transform.physical.grid)
            transform.backward(amplitudes)
            assert ranks.bytes_sent == 2 * transform.bytes_back
            share = 16 * math.prod(shape) // ranks.size
            assert transform.bytes == sum(share - share // p for p in transform.physical.grid)


def test_wavenumbers_belong_to_the_amplitudes(ranks):
    for (shape, grid), real in itertools.product(grids(ranks.size), (False, True)):
        transform = FourierTransform(shape, ranks, real, grid=grid, library="arrays")
        for axis, n in enumerate(shape):
            half = real and axis == len(shape) - 1
            whole = np.arange(n // 2 + 1) if half else np.rint(np.fft.fftfreq(n) * n)
            assert (transform.wavenumbers(axis) == whole[transform.spectral.slices[axis]]).all()


def test_too_many_ranks_are_refused_with_the_allowed_counts(ranks):
    if ranks.size == 1:
        pytest.skip("one rank is always allowed")
    with pytest.raises(LayoutError, match=f"cannot be shared among {ranks.size} ranks.*allowed are 1 ranks"):
        FourierTransform((1, 8), ranks)
    with pytest.raises(LayoutError, match=f"whose product is {ranks.size}"):
        Pencil((8, 8, 8), ranks, (ranks.size, 2))
    with pytest.raises(LayoutError, match=r"allowed are \(1-1\) × \(1-9\), in all 1-9 ranks"):
        Pencil((1, 9, 9), ranks, (ranks.size, 1))
    if ranks.size in (4, 8):
        corner, other = (Pencil((8, 8, 8), ranks, "pencil", axis) for axis in (2, 0))
        with pytest.raises(LayoutError, match="go through the pencil"):
            corner.transfer(other, "f8")


class DeviceArray(np.ndarray):
    """Stands for an array in a GPU's memory, which has to be fetched."""

    fetched = 0

    def get(self, out):
        DeviceArray.fetched += 1
        out[...] = self.view(np.ndarray)

    def set(self, array):
        self[...] = array


class Device:
    """Stands for the backend of a GPU whose MPI cannot reach its memory."""

    name = "cuda"
    xp = np

    def empty(self, shape, dtype):
        return np.empty(shape, dtype).view(DeviceArray)

    def pinned(self, size, dtype):
        return np.full(size, np.nan, dtype)


def test_device_arrays_are_staged_through_the_host(ranks, monkeypatch):
    monkeypatch.setattr(device_memory, "mpi_takes_device_memory", lambda: False)
    source, target = (Pencil((9, 17), ranks, aligned=axis) for axis in (1, 0))
    transfer = source.transfer(target, "c16", packed=True, backend=Device())
    field = numbers((9, 17), "c16")
    array = field[source.slices].copy().view(DeviceArray)
    there = transfer.forward(array, Device().empty(target.subshape, "c16"))
    assert (there == field[target.slices]).all()
    back = transfer.backward(there, Device().empty(source.subshape, "c16"))
    assert (back == field[source.slices]).all()
    assert DeviceArray.fetched == (2 if ranks.size > 1 else 0)
