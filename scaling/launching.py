"""Programs of this folder on several ranks, with the environment that oversubscription needs."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scaling.timing import Timing

ROOT = Path(__file__).resolve().parents[1]

ENVIRONMENT = {
    "PRTE_ALLOW_RUN_AS_ROOT": "1",
    "PRTE_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    "PRTE_MCA_hwloc_default_binding_policy": "none",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "OMPI_MCA_hwloc_base_binding_policy": "none",
    "OMP_NUM_THREADS": "1",
}
"""Open MPI 4 and 5: more ranks than cores, no binding, root allowed; what is set stays."""


@dataclass(frozen=True)
class Launch:
    """A finished run: its time (all its processes together) and what it printed."""

    timing: Timing
    output: str


def launcher(ranks: int) -> list[str]:
    """The words before `python`: mpirun beside this interpreter, else in PATH; none on one rank."""
    if ranks == 1:
        return []
    beside = Path(sys.executable).with_name("mpirun")
    return [str(beside) if beside.exists() else "mpirun", "-n", str(ranks)]


def launched(
    ranks: int, arguments: Sequence[str], limit: float = 3600.0, environment: Mapping[str, str] | None = None
) -> Launch:
    """Run `python arguments…` on `ranks` ranks and wait for the end.

    limit: seconds after which it is killed.  Raises RuntimeError with its last words if it fails or hangs.
    """
    variables = {**ENVIRONMENT, **os.environ, **(environment or {})}
    variables["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    command = [*launcher(ranks), sys.executable, *arguments]
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    try:
        done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired as hung:
        raise RuntimeError(f"{' '.join(command)}: not finished after {limit:g} s") from hung
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        words = (done.stdout + done.stderr).strip()[-4000:]
        raise RuntimeError(f"{' '.join(command)}: exit status {done.returncode}\n{words}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Launch(Timing(cpu, wall), done.stdout)
