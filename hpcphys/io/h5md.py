"""H5MD 1.1 trajectories, written by all ranks without gathering an atom.

particles/<group>/{box, position, image, velocity, force}/{step, time, value}, fixed id, species, mass;
frames can be added as long as the run lasts.  Rank 0 makes room for a frame (whole chunks, allocated at
once, not compressed), asks HDF5 where their bytes lie, and every rank writes its own rows there, in the order
of ids.
Source: de Buyl, Colberg & Höfling (2014), Comput. Phys. Commun. 185, 1546; the H5MD 1.1 specification.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hpcphys import __version__
from hpcphys.decomposition.by_id import ById
from hpcphys.io.configuration import Configuration
from hpcphys.io.rows import DataFileError, even_rows, open_hdf5, reason_of

CHUNK_ROWS = 1 << 22
KINDS = {"position": np.float64, "velocity": np.float64, "force": np.float64, "image": np.int32}
FIXED = {"species": "type", "mass": "mass", "molecule": "molecule"}


class H5mdWriter:
    """A trajectory that grows; made and used by all ranks together.

    MDAnalysis reads it (units as strings, such as "nm", where `units` gives them; else convert_units=False).
    A frame is complete when `append` returns; a run that is killed inside `append` may leave one that is not,
    which `truncate` removes at the restart.
    """

    def __init__(
        self, path: str | Path, communicator, *, elements: Sequence[str] = ("position", "velocity"),
        single: bool = True, group: str = "all", units: Mapping[str, str] | None = None,
        author: str = "hpcphys", names: Sequence[str] = (),
    ):  # fmt: skip
        """elements: of position, velocity, force, image, written in every frame;  single: as float32
        units: of length, time, velocity, force, mass
        names: species of the types, kept as an attribute

        Raises ValueError for an unknown element.
        """
        unknown = [name for name in elements if name not in KINDS]
        if unknown or "position" not in elements:
            raise ValueError(
                f"elements {list(elements)}: known are {', '.join(KINDS)}; position is always needed"
            )
        self.path, self.communicator = Path(path), communicator
        self.elements, self.group, self.author = tuple(elements), f"particles/{group}", author
        self.units, self.names = dict(units or {}), tuple(names)
        self.types = {
            name: np.dtype(np.float32 if single and KINDS[name] == np.float64 else KINDS[name])
            for name in self.elements
        }
        self._order: ById | None = None

    def append(self, arrays: Mapping[str, np.ndarray], box, *, step: int, time: float) -> None:
        """Add a frame.  Collective.

        arrays: id, the elements, and at the first frame perhaps type, mass, molecule
        box: vectors (3, 3), origin, periodic
        Raises DataFileError on all ranks when one cannot write, or the atoms are not those of the file.
        """
        if self._order is None:
            self._order = ById.of(self.communicator, arrays["id"])
        wanted = [*self.elements, *(name for name in FIXED.values() if name in arrays)]
        identity, rows = self._order.forward(arrays["id"], [np.asarray(arrays[name]) for name in wanted])
        table = {"id": identity, **dict(zip(wanted, rows, strict=True))}
        first = self.communicator.exscan(len(identity))
        total = int(self.communicator.allreduce(len(identity)))
        message, places = "", {}
        if self.communicator.rank == 0:
            try:
                places = self._make_room(table, total, box, step, time)
            except (OSError, RuntimeError, KeyError) as problem:
                message = reason_of(problem)
        message, places = self.communicator.bcast((message, places))
        if not message:
            message = self._write_rows(table, places, first)
        messages = [text for text in self.communicator.allgather(message) if text]
        if messages:
            raise DataFileError(f"{self.path}: cannot be written: {messages[0]}")

    def truncate(self, step: int) -> int:
        """Remove the frames after `step`; returns how many are left.  Collective."""
        kept, message = 0, ""
        if self.communicator.rank == 0 and self.path.exists():
            import h5py

            try:
                with h5py.File(self.path, "r+", locking=False) as file:
                    steps = file[f"{self.group}/position/step"]
                    kept = int(np.searchsorted(steps[:], step, side="right"))
                    for element in ("box/edges", *self.elements):
                        for name in ("step", "time", "value"):
                            dataset = file[f"{self.group}/{element}/{name}"]
                            dataset.resize(kept, axis=0)
            except (OSError, KeyError) as problem:
                message = f"cannot be cut back to step {step}: {problem}"
        kept, message = self.communicator.bcast((kept, message))
        if message:
            raise DataFileError(f"{self.path}: {message}")
        return kept

    def _make_room(self, table, total: int, box, step: int, time: float) -> dict[str, list[tuple[int, int]]]:
        """Name of a dataset -> (first row, byte) of each of its chunks of the new frame.  On rank 0."""
        import h5py

        fresh = not self.path.exists()
        places: dict[str, list[tuple[int, int]]] = {}
        with h5py.File(self.path, "w" if fresh else "r+", locking=False, libver=("v108", "v110")) as file:
            if fresh:
                places |= self._create(file, table, total, box)
            group = file[self.group]
            if group["position/value"].shape[1] != total:
                raise OSError(
                    f"it holds {group['position/value'].shape[1]} atoms, "
                    f"this frame has {total}: begin a new one"
                )
            frame = group["position/step"].shape[0]
            for name, value in (("step", step), ("time", time)):
                group[f"position/{name}"].resize(frame + 1, axis=0)
                group[f"position/{name}"][frame] = value
            edges = group["box/edges/value"]
            edges.resize(frame + 1, axis=0)
            edges[frame] = np.asarray(box.vectors)
            for name in self.elements:
                dataset = group[f"{name}/value"]
                dataset.resize(frame + 1, axis=0)
                chunk = dataset.chunks[1]
                places[name] = [
                    (row, dataset.id.get_chunk_info_by_coord((frame, row, 0)).byte_offset)
                    for row in range(0, total, chunk)
                ]
        return places

    def _create(self, file, table, total: int, box) -> dict[str, list[tuple[int, int]]]:
        """The groups of H5MD, and the datasets that do not change."""
        import h5py

        h5md = file.create_group("h5md")
        h5md.attrs["version"] = np.array([1, 1], dtype=np.int32)
        h5md.create_group("author").attrs["name"] = self.author
        creator = h5md.create_group("creator")
        creator.attrs["name"], creator.attrs["version"] = "hpcphys", __version__
        if self.units:
            h5md.create_group("modules/units").attrs["version"] = np.array([1, 0], dtype=np.int32)
        group = file.create_group(self.group)
        edges = group.create_group("box")
        edges.attrs["dimension"] = 3
        edges.attrs["boundary"] = [b"periodic" if p else b"none" for p in box.periodic]
        edges.attrs["origin"] = np.asarray(box.origin, dtype=np.float64)
        self._element(group, "position", (total, 3), self.types["position"], "length")
        self._element(edges, "edges", (3, 3), np.dtype(np.float64), "length", like=group["position"])
        dimension = {"velocity": "velocity", "force": "force", "image": ""}
        for name in self.elements[0:]:
            if name != "position":
                self._element(group, name, (total, 3), self.types[name], dimension[name], group["position"])
        fixed = {"id": table["id"], **{n: table[a] for n, a in FIXED.items() if a in table}}
        places = {}
        for name, array in fixed.items():
            layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            layout.set_layout(h5py.h5d.CONTIGUOUS)
            layout.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
            layout.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
            kind, space = h5py.h5t.py_create(array.dtype, logical=True), h5py.h5s.create_simple((total,))
            dataset = h5py.h5d.create(group.id, name.encode(), kind, space, dcpl=layout)
            places[name] = [(0, dataset.get_offset())] if total else []
        if self.names and "species" in group:
            group["species"].attrs["names"] = [name.encode() for name in self.names]
        if self.units.get("mass") and "mass" in group:
            group["mass"].attrs["unit"] = self.units["mass"]
        return places

    def _element(self, parent, name: str, shape, kind, dimension: str, like=None) -> None:
        """A time-dependent element; step and time are those of `like`, by links, where it is given."""
        import h5py

        element = parent.create_group(name)
        layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        chunk = (1, max(1, min(shape[0], CHUNK_ROWS)), shape[1])
        layout.set_chunk(chunk)
        layout.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        layout.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
        space = h5py.h5s.create_simple((0, *shape), (h5py.h5s.UNLIMITED, *shape))
        h5py.h5d.create(element.id, b"value", h5py.h5t.py_create(kind, logical=True), space, dcpl=layout)
        if self.units.get(dimension):
            element["value"].attrs["unit"] = self.units[dimension]
        if like is not None:
            element["step"], element["time"] = like["step"], like["time"]
            return
        element.create_dataset("step", shape=(0,), maxshape=(None,), dtype=np.int64, chunks=(512,))
        element.create_dataset("time", shape=(0,), maxshape=(None,), dtype=np.float64, chunks=(512,))
        if self.units.get("time"):
            element["time"].attrs["unit"] = self.units["time"]

    def _write_rows(self, table, places, first: int) -> str:
        """This rank's rows at their places in the file; why that failed, or ""."""
        try:
            with open(self.path, "r+b", buffering=0) as file:
                for name, chunks in places.items():
                    rows = table[FIXED.get(name, name)]
                    rows = np.ascontiguousarray(rows, dtype=self.types.get(name, rows.dtype))
                    _put(file.fileno(), rows, first, chunks)
                os.fsync(file.fileno())
        except OSError as problem:
            return reason_of(problem)
        return ""


def _put(descriptor: int, rows: np.ndarray, first: int, chunks: list[tuple[int, int]]) -> None:
    """Write rows, of which the first has this number, into chunks that begin at (row, byte)."""
    if not len(rows):
        return
    size = rows[0].nbytes
    ends = [row for row, _ in chunks[1:]] + [np.iinfo(np.int64).max]
    for (row, byte), end in zip(chunks, ends, strict=True):
        low, high = max(row, first), min(end, first + len(rows))
        if low >= high:
            continue
        raw = rows[low - first : high - first].reshape(-1).view(np.uint8).data
        place, done = byte + (low - row) * size, 0
        while done < len(raw):
            done += os.pwrite(descriptor, raw[done : done + (1 << 29)], place + done)


def read_h5md(path: str | Path, communicator, frame: int = -1, group: str | None = None) -> Configuration:
    """This rank's even share of a frame, in the order of the file.

    group: below particles/; by default the first one
    Raises DataFileError when the file is no H5MD file, or has no such frame.
    """
    with open_hdf5(path) as file:
        if "h5md" not in file or "particles" not in file or not len(file["particles"]):
            raise DataFileError(f"{path}: is not an H5MD file: it needs the groups h5md and particles")
        name = group or sorted(file["particles"])[0]
        if name not in file["particles"]:
            raise DataFileError(
                f"{path}: no group particles/{name}; there are {', '.join(file['particles'])}"
            )
        atoms = file[f"particles/{name}"]
        value = atoms["position/value"]
        frames = value.shape[0]
        if not -frames <= frame < frames:
            raise DataFileError(f"{path}: frame {frame} was asked; there are {frames}")
        at = frame % frames
        first, last = even_rows(value.shape[1], communicator.rank, communicator.size)
        arrays: dict[str, Any] = {
            element: atoms[f"{element}/value"][at, first:last]
            for element in KINDS
            if f"{element}/value" in atoms
        }
        for dataset, array in FIXED.items():
            if dataset in atoms and not hasattr(atoms[dataset], "keys"):
                arrays[array] = atoms[dataset][first:last]
        fixed_id = "id" in atoms and not hasattr(atoms["id"], "keys")
        arrays["id"] = atoms["id"][first:last] if fixed_id else np.arange(first, last, dtype=np.int64)
        box = atoms["box"]
        edges = box["edges/value"][at] if hasattr(box["edges"], "keys") else box["edges"][()]
        vectors = np.diag(edges) if np.ndim(edges) == 1 else np.asarray(edges)
        origin = np.asarray(box.attrs.get("origin", np.zeros(3)), dtype=np.float64)
        flags = [_text(word) == "periodic" for word in np.atleast_1d(box.attrs["boundary"])]
        names = atoms["species"].attrs.get("names", ()) if "species" in atoms else ()
        step, time = int(atoms["position/step"][at]), float(atoms["position/time"][at])
    return Configuration(
        arrays, vectors, origin, (flags[0], flags[-2], flags[-1]), step, time, tuple(_text(n) for n in names)
    )


def _text(word) -> str:
    return word.decode() if isinstance(word, bytes) else str(word)
