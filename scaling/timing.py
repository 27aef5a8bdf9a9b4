"""Times: process CPU time beside wall time, the best of several, and one benchmark at a time on a machine."""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Timing:
    """Seconds of one call: `cpu` of this process, all its threads; `wall` by the clock."""

    cpu: float
    wall: float


def timed(
    action: Callable[[], object], repeats: int = 3, before: Callable[[], object] | None = None
) -> Timing:
    """The repetition of `action` that took the least CPU time; `before` runs ahead of each, untimed.

    Noise only ever adds time, so the smallest of the repetitions is the best estimate.
    """
    best: Timing | None = None
    for _ in range(repeats):
        if before is not None:
            before()
        wall, cpu = time.perf_counter(), time.process_time()
        action()
        found = Timing(time.process_time() - cpu, time.perf_counter() - wall)
        if best is None or found.cpu < best.cpu:
            best = found
    if best is None:
        raise ValueError(f"repeats = {repeats}: at least one is needed")
    return best


@contextmanager
def alone() -> Iterator[None]:
    """Wait until no other benchmark runs on this machine: two timings at once would both be wrong."""
    path = Path(tempfile.gettempdir()) / f"hpcphys-scaling-{os.getuid()}.lock"
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("another benchmark is running; waiting for its end", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
