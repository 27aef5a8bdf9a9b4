"""Norms of what every job of a folder comes to, small, on any number of ranks: made and asked for.

A script in tests/jobs (zoo_norms.py, ...) says what small means and what is summed:

    python SCRIPT RESULT.json [JOB ...]
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from launching import ENVIRONMENT, ROOT, launcher

from hpcphys.decomposition.communicator import Communicator
from hpcphys.kernels import backend
from hpcphys.report.log import Log
from hpcphys.report.timers import Timers
from hpcphys.run.kind import kind_of

HERE = Path(__file__).parent
Norms = dict[str, dict[str, float]]


def jobs_of(folder: str) -> list[Path]:
    """The job files of jobs/<folder>."""
    return sorted((ROOT / "jobs" / folder).glob("*.toml"))


def stored(name: str) -> Norms:
    """The norms in stored/<name>.json."""
    return json.loads((HERE / "jobs" / "stored" / f"{name}.json").read_text())


def measured(script: str, ranks: int, folder: Path, names: Sequence[str] = ()) -> Norms:
    """Norms that a script makes on so many ranks, of all its jobs or those named."""
    result, path = folder / f"norms-{ranks}.json", HERE / "jobs" / script
    launched = launcher(ranks) if ranks > 1 else []
    done = subprocess.run(
        [*launched, sys.executable, str(path), str(result), *names],
        env={**os.environ, **ENVIRONMENT},
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(result.read_text())


def started(job: Any, communicator: Communicator) -> Any:
    """The simulation of a job, on one thread, before its first step."""
    runtime = backend("cpu", threads=1)
    simulation = kind_of(job).simulation(job, runtime, communicator, Timers(communicator), Log(1), None)
    simulation.start(resumed=False)
    return simulation


def write_norms(jobs: list[Path], norms: Callable[[Path, Communicator], dict[str, float]]) -> None:
    """What a script does: norms of all its jobs, or of those that its arguments name, into a file."""
    result, *names = sys.argv[1:]
    communicator = Communicator.start()
    chosen = [path for path in jobs if not names or path.stem in names]
    found = {path.stem: norms(path, communicator) for path in chosen}
    if communicator.rank == 0:
        Path(result).write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
