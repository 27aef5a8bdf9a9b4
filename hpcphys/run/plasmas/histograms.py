"""Histograms in phase space and fields along a line: series of their own beside the diagnostics."""

from __future__ import annotations

from typing import Any

import numpy as np

from hpcphys.run.plasmas.assembly import Parts

ROOM = 1.25
"""Histograms of momenta reach to this multiple of the largest one at the start."""


class FurtherSeries:
    """phase_space.h5 and lines.h5 of a run.

    memory: ranges of momenta, of the checkpoint being resumed, or None
    """

    def __init__(self, job: Any, parts: Parts, communicator: Any, memory: dict | None) -> None:
        self.job, self.parts, self.communicator = job, parts, communicator
        self.memory: dict = memory or {}
        self.lines: dict[int, list[Any]] = {}
        for line in job.diagnostics.lines:
            self.lines.setdefault(line.every, []).append(line)

    def begin(self) -> None:
        """Find ranges of momenta that the job does not state; collective."""
        for histogram in self.job.diagnostics.phase_space:
            momenta = [axis for axis in histogram.axes if axis.startswith("u")]
            ranges = {axis: list(given) for axis, given in zip(momenta, histogram.ranges, strict=False)}
            missing = [axis for axis in momenta if axis not in ranges]
            if missing:
                largest = np.zeros(3)
                for rows in self.parts.species[histogram.species].chunks():
                    sizes = np.abs(np.asarray(rows["momentum"], dtype=float))
                    largest = np.maximum(largest, sizes.max(axis=0, initial=0.0))
                largest = self.communicator.allreduce(largest, "max") * ROOM
                largest[largest == 0.0] = 1.0
                ranges |= {axis: [-largest["xyz".index(axis[2])], largest["xyz".index(axis[2])]]
                           for axis in missing}  # fmt: skip
            self.memory[histogram.name] = ranges

    def attributes(self) -> dict[str, dict[str, Any]]:
        """Names of the series and what describes their columns."""
        found: dict[str, dict[str, Any]] = {}
        if self.job.diagnostics.phase_space:
            found["phase_space"] = {}
        for every in self.lines:
            found[self._lines_name(every)] = {}
        return found

    def rows(self, step: int) -> dict[str, dict[str, Any]]:
        """What is due after this step; collective."""
        found: dict[str, dict[str, Any]] = {}
        table = self.job.diagnostics
        if table.phase_space and step % table.phase_space_every == 0:
            found["phase_space"] = {}
            for histogram in table.phase_space:
                counts, edges = self._histogram(histogram)
                found["phase_space"][histogram.name] = counts.astype(np.float32)
                for axis, ends in zip(histogram.axes, edges, strict=True):
                    found["phase_space"][f"{histogram.name}_range_{axis}"] = np.array(ends)
        for every, lines in self.lines.items():
            if step % every == 0:
                columns = {f"{line.field}_{line.axis}": self._line(line) for line in lines}
                found[self._lines_name(every)] = columns
        return found

    def _lines_name(self, every: int) -> str:
        return "lines" if len(self.lines) == 1 else f"lines_{every}"

    def _line(self, line: Any) -> np.ndarray:
        """The mean over the other axes, along the whole axis, in single precision."""
        blocks = self.parts.blocks
        axis = "xyz".index(line.axis)
        values = blocks.backend.host(getattr(self.parts.field, line.field[0]))
        own = values[("xyz".index(line.field[2]), *blocks.owned)].astype(np.float64)
        whole = np.zeros(blocks.shape[axis])
        others = tuple(a for a in range(own.ndim) if a != axis)
        first = blocks.start[axis]
        whole[first : first + blocks.count[axis]] = own.sum(axis=others)
        cells = np.prod([blocks.shape[a] for a in others], dtype=float)
        return (self.communicator.allreduce(whole, "sum") / cells).astype(np.float32)

    def _histogram(self, histogram: Any) -> tuple[np.ndarray, list[list[float]]]:
        """Real particles in each bin, and the ends of its axes."""
        declaration = self.parts.declaration
        ends = []
        for axis in histogram.axes:
            if axis.startswith("u"):
                ends.append(self.memory[histogram.name][axis])
            else:
                a = "xyz".index(axis)
                ends.append([declaration.lower[a], declaration.upper[a]])
        total = np.zeros(histogram.bins)
        for rows in self.parts.species[histogram.species].chunks():
            columns = [
                rows["momentum"][:, "xyz".index(axis[2])] if axis.startswith("u")
                else rows["position"][:, "xyz".index(axis)] + declaration.lower["xyz".index(axis)]
                for axis in histogram.axes
            ]  # fmt: skip
            total += np.histogramdd(columns, histogram.bins, ends, weights=rows["weight"])[0]
        return self.communicator.allreduce(total, "sum"), ends
