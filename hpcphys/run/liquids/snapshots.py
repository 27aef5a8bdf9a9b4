"""Snapshots of atoms: one H5MD trajectory that grows, or a text file for each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from hpcphys.compiler import State
from hpcphys.decomposition.cells.box import Box
from hpcphys.run.liquids.job import LiquidJob
from hpcphys.run.liquids.units import NamedUnits

PATTERNS = {
    "h5md": "trajectory.h5",
    "lammps_dump": "snapshot_{index:03d}.dump",
    "xyz": "snapshot_{index:03d}.xyz",
}
"""Format -> names of the files."""


class Snapshots:
    """Writes the state in the job's format, positions in the box; every method is collective."""

    def __init__(self, job: LiquidJob, communicator: Any, backend: Any, units: NamedUnits):
        self.job, self.communicator, self.backend, self.units = job, communicator, backend, units
        self.format = job.output.snapshot_format
        self._writer: Any = None

    @property
    def pattern(self) -> str:
        """Name of a snapshot, with {index} where each has a file."""
        return PATTERNS[self.format]

    def write(self, path: Path, state: State, box: Box, job_text: str) -> None:
        """Write or append the present state.  Raises DataFileError on all ranks."""
        names = [n for n in ("id", "position", "velocity", "image", "type", "mass", "molecule") if n in state]
        arrays = {name: self.backend.host(state[name]) for name in names}
        arrays["position"], arrays["image"] = np.array(arrays["position"]), np.array(arrays["image"])
        box.wrap(arrays["position"], arrays["image"])
        if self.format == "h5md":
            self._append(path, arrays, state, box, job_text)
            return
        common = {"step": state.step, "periodic": box.periodic}
        if self.format == "lammps_dump":
            from hpcphys.io.lammps_dump import write_lammps_dump

            write_lammps_dump(path, self.communicator, arrays, box.vectors, tuple(box.origin), **common)
            return
        from hpcphys.io.xyz import write_xyz

        write_xyz(
            path, self.communicator, arrays, box.vectors, tuple(box.origin), names=self.job.types.names,
            time=state.time, **common,
        )  # fmt: skip

    def resume(self, folder: Path, step: int) -> None:
        """Take off the trajectory what came after the checkpoint that is resumed."""
        path = folder / self.pattern
        if self.format == "h5md" and self.communicator.bcast(path.exists()):
            self._open(path).truncate(step)

    def _open(self, path: Path) -> Any:
        if self._writer is None:
            from hpcphys.io.h5md import H5mdWriter

            self._writer = H5mdWriter(
                path, self.communicator, elements=("position", "velocity", "image"),
                single=not self.job.output.snapshot_double, units=self.units.for_files(),
                names=self.job.types.names,
            )  # fmt: skip
        return self._writer

    def _append(self, path: Path, arrays: dict[str, Any], state: State, box: Box, job_text: str) -> None:
        fresh = self.communicator.bcast(not path.exists())
        self._open(path).append(arrays, box, step=state.step, time=state.time)
        if fresh and self.communicator.rank == 0:
            import h5py

            with h5py.File(path, "r+", locking=False) as file:
                file["h5md"].attrs["job"] = job_text
