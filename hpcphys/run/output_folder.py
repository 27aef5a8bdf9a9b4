"""The output folder: who may write into it, and what of an earlier run is in the way."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from hpcphys.io.summary import read_summary
from hpcphys.run.errors import JobError
from hpcphys.run.job import Job

OWN_FILES = (
    "job.used.toml",
    "diagnostics.h5",
    "diagnostics.csv",
    "diagnostics.damaged.h5",
    "spectra.h5",
    "spectra.damaged.h5",
    "summary.json",
    "run.log",
    "stop",
    "checkpoint-*.h5",
    "snapshot_*.hdf5",
    "snapshot_*.h5",
    "states_*.h5",
    "wavefunction_*.h5",
    "snapshot_*.dump",
    "snapshot_*.xyz",
    "trajectory.h5",
    "observables.h5",
    "*.xdmf",
    "*.png",
    "*.gif",
    "*.mp4",
    ".*.partial",
)
"""What a run leaves; `--overwrite` removes these and nothing else."""


def output_folder(job: Job, job_file: Path) -> Path:
    """[output] directory, or output/<name of the job file>, below the current folder."""
    if job.output.directory is not None:
        return Path(job.output.directory).expanduser()
    return Path("output") / job_file.name.removesuffix(".toml").removesuffix(".used")


def prepare_folder(folder: Path, overwrite: bool) -> None:
    """Make the folder and see that it can be written to; by one rank.

    Raises JobError when it cannot, or when it holds another run and `overwrite` is not given.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as problem:
        raise JobError(
            [f"{folder}: the output folder cannot be written to: {_reason(problem)}; use --output"]
        ) from None
    if not holds_run(folder):
        return
    if not overwrite:
        summary = read_summary(folder) or {}
        status = f" ({summary['status']}, {summary.get('steps', 0)} steps)" if "status" in summary else ""
        raise JobError(
            [
                f"{folder}: holds a run already{status}; `hpcphys resume {folder}` continues it, "
                "--output DIR writes elsewhere, --overwrite replaces it"
            ]
        )
    for pattern in OWN_FILES:
        for path in folder.glob(pattern):
            path.unlink()


def holds_run(folder: Path) -> bool:
    """Whether the folder holds the files of a run."""
    return any(
        (folder / name).exists() for name in ("job.used.toml", "diagnostics.h5", "summary.json")
    ) or any(folder.glob("checkpoint-*.h5"))


def _reason(problem: OSError) -> str:
    return os.strerror(problem.errno) if problem.errno else str(problem)
