"""How many threads each rank uses."""

from __future__ import annotations

import os

from hpcphys.run.job import Job


def threads_per_rank(job: Job, communicator) -> int:
    """[run] threads, else OMP_NUM_THREADS, else the cores this node grants, shared by the ranks on it."""
    if job.run.threads is not None:
        return job.run.threads
    declared = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    if declared.isdigit() and int(declared) > 0:
        return int(declared)
    return max(1, len(os.sched_getaffinity(0)) // communicator.node.size)
