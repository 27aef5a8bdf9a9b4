"""Rates and volumes of other codes, as measured once on a machine like ours, with the machine stated."""

from __future__ import annotations

from dataclasses import dataclass

PUBLISHED_MACHINE = "2 AMD Zen 5 cores, AVX-512, gcc 12, process CPU time, one core; Plummer sphere, ε = 0.01"


@dataclass(frozen=True)
class Peer:
    """One code at one setting: particles/s/core, median and 99 % error of the acceleration."""

    name: str
    count: int
    rate: float
    median: float
    worst: float
    wanted: float | None = None  # how many times faster this program wants to be at equal error


PEERS = (
    Peer("one-core kernel prototype, α = .02", 100_000, 1.9e6, 4.4e-4, 3.4e-3),
    Peer("one-core kernel prototype, α = .02", 1_000_000, 1.67e6, 4.4e-4, 3.4e-3),
    Peer("one-core kernel prototype, tight", 100_000, 1.35e6, 1.8e-4, 6.4e-4),
    Peer("one-core kernel prototype, tight", 1_000_000, 1.25e6, 1.5e-4, 7.8e-4),
    Peer("GADGET-4 FMM, order 4, α = .005", 100_000, 0.19e6, 3.1e-4, 1.9e-3, 8.0),
    Peer("GADGET-4 FMM, order 4, α = .005", 1_000_000, 0.19e6, 3.1e-4, 1.9e-3, 8.0),
    Peer("GADGET-4 FMM, α = .0005", 100_000, 0.13e6, 1.3e-4, 6.8e-4, 8.0),
    Peer("GADGET-4 tree, quadrupoles, α = .005", 100_000, 0.08e6, 8.5e-4, 2.7e-3),
    Peer("GADGET-4 tree, quadrupoles, α = .005", 1_000_000, 0.08e6, 8.5e-4, 2.7e-3),
    Peer("SWIFT 2026.04, p = 4, ε_fmm = .01", 100_000, 0.43e6, 8.7e-4, 1.35e-2, 3.0),
    Peer("SWIFT 2026.04, p = 4, ε_fmm = .01", 1_000_000, 0.64e6, 8.7e-4, 4.6e-3, 3.0),
    Peer("SWIFT 2026.04, p = 4, ε_fmm = .003", 1_000_000, 0.42e6, 2.7e-4, 2.5e-3, 3.0),
    Peer("falcON, θ = .6", 100_000, 0.83e6, 3.4e-3, 2.4e-2),
    Peer("falcON, θ = .6", 1_000_000, 0.97e6, 2.4e-3, 2.1e-2),
    Peer("falcON, θ = .25", 100_000, 0.15e6, 5.1e-4, 4.7e-3),
    Peer("falcON, θ = .25", 1_000_000, 0.20e6, 5.1e-4, 4.7e-3),
)

ESSENTIAL_TREE_MB = {2: 4.3, 4: 5.7, 8: 3.1, 16: 2.4, 32: 1.4}
"""Megabytes that each rank imports, mean over ranks: Plummer 1e6, θ = .5 geometric, Morton domains."""
ESSENTIAL_TREE_COUNT = 1_000_000
ESSENTIAL_TREE_ANGLE = 0.5
