"""The memory of one rank in a run: mpirun -n R python scaling/memory_probe.py JOB.toml SMALL.toml OUT.json

The small job runs first, so that all that Python loads is loaded and every kernel is in; what the big job
adds to that is counted.  OUT.json: one record per rank, kilobytes of /proc/self/status.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import io
import json
import sys
import threading
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from hpcphys.decomposition.communicator import Communicator

INTERVAL = 0.02  # seconds between looks at the resident memory


def status() -> dict[str, int]:
    """VmRSS, VmHWM, RssAnon, RssFile, RssShmem of this process [kB]."""
    found = {}
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if name in ("VmRSS", "VmHWM", "RssAnon", "RssFile", "RssShmem"):
            found[name] = int(value.split()[0])
    return found


def forget_peak() -> None:
    """Let VmHWM start again from the present VmRSS."""
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")


class Watch(threading.Thread):
    """Looks at the resident memory until it is told to end; `samples`: (seconds, kB)."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.samples: list[tuple[float, int]] = []
        self.ending = threading.Event()

    def run(self) -> None:
        """Sample every INTERVAL seconds."""
        began = time.monotonic()
        while not self.ending.wait(INTERVAL):
            self.samples.append((time.monotonic() - began, status()["VmRSS"]))

    def end(self) -> float:
        """Stop; the median of the second half of the samples [kB]: the run without its start."""
        self.ending.set()
        self.join()
        return float(np.median([kilobytes for _, kilobytes in self.samples[len(self.samples) // 2 :]] or [0]))


def run(job: Path, communicator: Communicator) -> None:
    """The whole run as the command line does it, silently.  Raises RuntimeError if it does not finish."""
    from hpcphys.run.launch import Options, run_job

    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        code = run_job(job, Options([], overwrite=True), communicator, time.time())
    if code != 0:
        raise RuntimeError(f"{job}: exit code {code}\n{said.getvalue()}")


def give_back() -> None:
    """Return freed memory to the system, so that the baseline has none of it."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def main(arguments: list[str]) -> int:
    """Measure; rank 0 writes."""
    job, small, target = (Path(argument) for argument in arguments)
    communicator = Communicator.start()
    bare = status()
    run(small, communicator)
    give_back()
    base = status()
    forget_peak()
    watch = Watch()
    watch.start()
    run(job, communicator)
    steady, after = watch.end(), status()
    # VmHWM is written by threads in batches and may lag a little behind a sample.
    peak = max([after["VmHWM"], *(kilobytes for _, kilobytes in watch.samples)])
    record = {
        "bare": bare["VmRSS"],
        "base": base["VmRSS"],
        "base_shared": base["RssShmem"],
        "steady": steady,
        "peak": peak,
        "after": after["VmRSS"],
        "after_shared": after["RssShmem"],
    }
    records = communicator.gather(record)
    if communicator.rank == 0:
        target.write_text(json.dumps(records), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
