"""The machine's own limits on one core: bare pair and cell loops, plain loops, memory bandwidth."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hpcphys.kernels import Backend
from hpcphys.kernels import backend as backend_named
from scaling.printed import Table
from scaling.timing import timed

FOLDER = Path(__file__).resolve().parent
SOURCES = 2048  # 32 KiB of sources in single precision: they stay in the first-level cache
TARGETS = 4096
REGISTER_BLOCKS = (2, 4)  # vector registers of targets; the fastest counts
EPSILON2 = 1e-4
PRECISIONS = {"single": np.float32, "double": np.float64}
SUPPORTS = {"pairs, spline, all outside h": 1e-2, "pairs, spline, all inside h": 10.0}


@dataclass(frozen=True)
class Limits:
    """Rates of one core [1/s]: pairs and cells by precision and with potentials; bandwidth [bytes/s]."""

    rates: dict[str, float]
    bandwidth: float

    def pair_rate(self, potential: bool = False, precision: str = "mixed", kernel: str = "plummer") -> float:
        """The bare loop that a pair of this kind is compared with."""
        if kernel == "spline" and not potential:
            return self.rates["pairs, spline, all outside h"]
        return self.rates[_named("pairs", potential, precision)]

    def cell_rate(self, potential: bool = False, precision: str = "mixed") -> float:
        """Likewise for a particle and a cell with quadrupole."""
        return self.rates[_named("cells", potential, precision)]

    def floor(self, pairs: float, cells: float, **kind) -> float:
        """Seconds that these interactions would take in the bare loops.  kind: potential, precision."""
        return pairs / self.pair_rate(**kind) + cells / self.cell_rate(**kind)

    def show(self) -> None:
        """Print the table of limits."""
        table = Table("Limits of this machine, one core (CPU time)", "bare loop", "1e9/s")
        for name, rate in self.rates.items():
            table.add(name, rate / 1e9)
        table.add("memory, triad [1e9 bytes/s]", self.bandwidth / 1e9)
        table.show()


def _named(what: str, potential: bool, precision: str) -> str:
    return f"{what}, {'double' if precision == 'double' else 'single'}{' + potential' if potential else ''}"


def machine() -> str:
    """Processor, cores and load of this machine, in one line."""
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    flags = Path("/proc/cpuinfo").read_text(errors="replace")
    vectors = "AVX-512" if " avx512f" in flags else "AVX2" if " avx2" in flags else "generic vectors"
    cores = len(os.sched_getaffinity(0))
    return f"{model}, {cores} cores, {vectors}; load average {os.getloadavg()[0]:.1f} at the start"


def measured_limits(repeats: int = 20, memory: int = 1 << 25) -> Limits:
    """Measure all limits.  repeats: of each loop (of some 5 ms); memory: elements of each triad array."""
    rates: dict[str, float] = {}
    for precision, real in PRECISIONS.items():
        loops = Loops(real)
        forms = ("newton", "cube") if precision == "single" else ("newton",)
        for what, width in (("pairs", 4), ("cells", 10)):
            for potential in ("", "_potential"):
                name = _named(what, bool(potential), precision)
                found = [loops.rate(f"{what}_{form}{potential}", width, EPSILON2, repeats) for form in forms]
                rates[name] = max(found)
                if name == "pairs, single":
                    rates["pairs, single, Newton step on 1/r"] = found[0]
        if precision == "single":
            for name, support in SUPPORTS.items():
                rates[name] = loops.rate("pairs_spline", 4, support, repeats)
        rates[f"pairs, {precision}, plain loop"] = loops.plain_rate(repeats)
    return Limits(rates, _bandwidth(memory))


class Loops:
    """The bare loops in one precision, on a fixed set of targets in the unit cube and sources beside it."""

    def __init__(self, real: type):
        rng = np.random.default_rng(1)
        self.real = real
        self.backend: Backend = backend_named("cpu", threads=1, folders=[FOLDER])
        self.targets = [rng.random(TARGETS).astype(real) for _ in range(3)]
        self.field = np.zeros(4 * TARGETS, real)
        self.rng = rng

    def module(self, registers: int):
        """The loops with this many registers of targets."""
        name = "float" if self.real is np.float32 else "double"
        return self.backend.module("pair_limit", REAL=name, REGISTERS=registers)

    def sources(self, width: int) -> np.ndarray:
        """(SOURCES, width): positions two units away along x, masses, then small quadrupoles."""
        rows = self.rng.random((SOURCES, width)) * 1e-3
        rows[:, :3] = self.rng.random((SOURCES, 3))
        rows[:, 0] += 2.0
        rows[:, 3] = 1.0 / SOURCES
        return rows.astype(self.real)

    def rate(self, kernel: str, width: int, parameter: float, repeats: int) -> float:
        """Interactions per second of one core: the fastest block of registers."""
        sources, best = self.sources(width), 0.0
        for registers in REGISTER_BLOCKS:
            module = self.module(registers)
            lanes = TARGETS // self.block(registers)

            def run(module=module, lanes=lanes) -> None:
                module.launch(kernel, lanes, *self.targets, sources, SOURCES, parameter, self.field)

            best = max(best, TARGETS * SOURCES / timed(run, repeats).cpu)
        return best

    def plain_rate(self, repeats: int) -> float:
        """Pairs per second of the loop that the compiler vectorises by itself."""
        columns = [np.ascontiguousarray(column) for column in self.sources(4).T]
        module = self.module(REGISTER_BLOCKS[0])

        def run() -> None:
            module.launch("pairs_plain", TARGETS, *self.targets, *columns, SOURCES, EPSILON2, self.field)

        return TARGETS * SOURCES / timed(run, repeats).cpu

    def block(self, registers: int) -> int:
        bytes_of = 4 if self.real is np.float32 else 8
        return registers * self.module(registers).host("vector_bytes") // bytes_of


def _bandwidth(elements: int) -> float:
    """Bytes per second of the triad a = b + s c on arrays far larger than the caches."""
    backend = backend_named("cpu", threads=1, folders=[FOLDER])
    module = backend.module("pair_limit", REAL="double", REGISTERS=REGISTER_BLOCKS[0])
    a, b, c = (np.full(elements, value) for value in (0.0, 1.0, 2.0))
    taken = timed(lambda: module.launch("triad", elements, a, b, c, 3.0), 5)
    return 24.0 * elements / taken.cpu
