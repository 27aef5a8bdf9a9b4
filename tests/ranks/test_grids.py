"""Fields of all ranks in one file: what xarray reads of it, and what XDMF says of it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from xml.etree import ElementTree

import h5py
import numpy as np
import pytest

from hpcphys.decomposition.communicator import Communicator
from hpcphys.decomposition.pencils.layout import Pencil
from hpcphys.io.blocks import Block
from hpcphys.io.grids import write_grid
from hpcphys.io.rows import DataFileError, even_rows, read_block

pytestmark = pytest.mark.mpi


@pytest.fixture(scope="module")
def ranks():
    return Communicator.start(abort_hook=False)


@pytest.fixture
def folder(ranks):
    """One folder for all ranks."""
    with tempfile.TemporaryDirectory() as path:
        yield Path(ranks.bcast(path))
        ranks.barrier()


def numbers(shape, kind):
    rng = np.random.default_rng(7)
    field = rng.normal(size=shape)
    return (field + 1j * rng.normal(size=shape) if np.dtype(kind).kind == "c" else field).astype(kind)


LAYOUTS = [((9, 17), None, -1), ((8, 17), None, 0), ((9, 8, 10), "slab", -1), ((9, 10, 11), "pencil", 1)]


@pytest.mark.parametrize(("shape", "grid", "aligned"), LAYOUTS, ids=str)
def test_xarray_opens_the_fields_with_their_coordinates(ranks, folder, shape, grid, aligned):
    import xarray

    pencil = Pencil(shape, ranks, grid, aligned)
    axes = ("x", "y", "z")[: len(shape)]
    lower, upper = (-1.0, 0.0, 2.0)[: len(shape)], (1.0, 3.0, 4.0)[: len(shape)]
    wave, density = numbers(shape, "c8"), numbers(shape, "f8")
    fields = {
        "wave": Block.of(wave[pencil.slices], pencil),
        "density": Block.of(density[pencil.slices], pencil),
    }
    path = folder / "fields.h5"
    size = write_grid(
        path, ranks, fields, axes=axes, lower=lower, upper=upper, time=0.25, step=7, job="text",
        attributes={"wave": {"units": "1"}},
    )  # fmt: skip
    assert size == path.stat().st_size
    with xarray.open_dataset(path, engine="h5netcdf") as found:
        assert dict(found.sizes) == dict(zip(axes, shape, strict=True))
        assert found["density"].dims == axes[::-1]
        for a, b, axis, n in zip(lower, upper, axes, shape, strict=True):
            assert np.allclose(found[axis], a + (b - a) * np.arange(n) / n, rtol=0, atol=1e-15)
        assert (found["density"].values == density.T).all()
        assert (found["wave_real"].values + 1j * found["wave_imag"].values == wave.T).all()
        assert found["wave_imag"].dtype == np.float32
        assert found["wave_imag"].attrs["units"] == "1"
        assert (found.attrs["time"], found.attrs["step"], found.attrs["job"]) == (0.25, 7, "text")
        assert float(found["density"].sel(x=lower[0], y=lower[1]).values.flat[0]) == density.flat[0]


def test_rows_of_a_plane_are_written_as_they_lie(ranks, folder):
    """Axes (y, x), rows shared evenly, some ranks without any: no transposition."""
    field = numbers((5, 6), "f4")
    first, last = even_rows(5, ranks.rank, ranks.size)
    path = folder / "plane.h5"
    block = Block.rows(field[first:last], first, 5)
    write_grid(path, ranks, {"vorticity": block}, axes=("y", "x"), lower=(0, 0), upper=(1, 1))
    with h5py.File(path) as file:
        assert (file["vorticity"][:] == field).all()
        assert file["vorticity"].chunks is None
        assert [scale.label or scale[0].name for scale in file["vorticity"].dims] == ["/y", "/x"]


@pytest.mark.parametrize(("shape", "topology", "geometry"), [
    ((6, 7), "2DRectMesh", "VXVY"), ((4, 6, 7), "3DRectMesh", "VXVYVZ"),
])  # fmt: skip
def test_xdmf_describes_every_array(ranks, folder, shape, topology, geometry):
    """Each data item names a dataset of the file with its type and shape; x comes first in the geometry."""
    first, last = even_rows(shape[0], ranks.rank, ranks.size)
    block = Block.rows(numbers(shape, "c16")[first:last], first, shape[0])
    path = folder / "fields_003.h5"
    axes = ("z", "y", "x")[-len(shape) :]
    write_grid(path, ranks, {"psi": block}, axes=axes, lower=(0,) * len(shape), upper=shape, time=1.5)
    root = ElementTree.parse(folder / "fields_003.xdmf").getroot()
    assert (root.tag, root.get("Version")) == ("Xdmf", "3.0")
    grid = root.find("Domain/Grid")
    assert float(grid.find("Time").get("Value")) == 1.5
    assert grid.find("Topology").attrib == {
        "TopologyType": topology, "Dimensions": " ".join(map(str, shape))
    }  # fmt: skip
    assert grid.find("Geometry").get("GeometryType") == geometry
    order = [item.text.partition(":/")[2] for item in grid.findall("Geometry/DataItem")]
    assert order == list(axes[::-1])
    names = [attribute.get("Name") for attribute in grid.findall("Attribute")]
    assert names == ["psi_real", "psi_imag"]
    assert {a.get("Center") for a in grid.findall("Attribute")} == {"Node"}
    with h5py.File(path) as file:
        for item in grid.iter("DataItem"):
            name, _, dataset = item.text.partition(":")
            assert name == path.name
            assert " ".join(map(str, file[dataset].shape)) == item.get("Dimensions")
            assert (item.get("NumberType"), item.get("Precision")) == (
                "Float",
                str(file[dataset].dtype.itemsize),
            )


def test_what_does_not_fit_is_refused(ranks, folder):
    plane = Block.rows(np.zeros((2, 4)), 2 * ranks.rank, 2 * ranks.size)
    rest = {"lower": (0, 0), "upper": (1, 1)}
    for axes in (("x",), ("x", "x"), ("x", "time"), ("x", "y", "z")):
        with pytest.raises(ValueError, match="different ones of x, y, z"):
            write_grid(folder / "a.h5", ranks, {"f": plane}, axes=axes, **rest)
    with pytest.raises(ValueError, match="name of an axis"):
        write_grid(folder / "a.h5", ranks, {"x": plane}, axes=("y", "x"), **rest)
    with pytest.raises(ValueError, match="must have one shape"):
        write_grid(folder / "a.h5", ranks, {}, axes=("y", "x"), **rest)
    with pytest.raises(ValueError, match="does not lie in a dataset"):
        Block(np.zeros((2, 2)), (1, 1), (3, 2))
    write_grid(folder / "a.h5", ranks, {"f": plane}, axes=("y", "x"), **rest)
    with pytest.raises(DataFileError, match=r"asked was a box of \(2, 5\)"):
        read_block(folder / "a.h5", "f", (0, 0), (2, 5))
    with pytest.raises(DataFileError, match="no dataset 'g'; it holds: f, x, y"):
        read_block(folder / "a.h5", "g", (0, 0), (2, 5))


def test_a_full_disk_leaves_the_old_files(ranks, folder, monkeypatch):
    path = folder / "plane.h5"
    plane = Block.rows(np.ones((1, 4)), ranks.rank, ranks.size)
    options = {"axes": ("y", "x"), "lower": (0, 0), "upper": (1, 1)}
    write_grid(path, ranks, {"f": plane}, **options)
    before = path.read_bytes()
    ranks.barrier()

    def full(*_):
        raise OSError(28, "No space left on device")

    if ranks.rank == ranks.size - 1:
        monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(DataFileError, match="the disk is full"):
        write_grid(path, ranks, {"f": plane.with_array(2 * plane.array)}, **options)
    assert path.read_bytes() == before
