"""The command line: run, check, resume, plot, explain, submit, doctor.

Nothing heavy is imported before a command needs it, and MPI is started by run and resume alone, so that
`--help` and `check` work on a login node.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from hpcphys import __version__

if TYPE_CHECKING:
    from hpcphys.run.errors import JobError, MachineError, RunError

COMMANDS = ("run", "check", "resume", "plot", "explain", "submit", "doctor")


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and do it; the exit code (0 finished, 1 failed, 2 invalid, 75 stopped early)."""
    started = time.time()
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words and words[0] not in COMMANDS and not words[0].startswith("-"):
        words.insert(0, "run")  # `hpcphys job.toml` is `hpcphys run job.toml`
    given = _parser().parse_args(words)
    return given.action(given, started)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hpcphys",
        description="A distributed physics engine: from a job file to results, on any number of ranks.",
        epilog="mpirun -n 64 python -m hpcphys job.toml runs a job on 64 ranks.  Exit codes: 0 finished, "
        "1 failed, 2 invalid job, 75 stopped early with a good checkpoint.",
    )
    parser.add_argument("--version", action="version", version=f"hpcphys {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")

    run = commands.add_parser("run", help="run a job file (the word `run` may be left out)")
    run.add_argument("job", type=Path)
    run.add_argument("--output", metavar="DIR", help="output folder, instead of the job's")
    run.add_argument("--overwrite", action="store_true", help="replace a run that the output folder holds")
    _add_settings(run)
    run.set_defaults(action=_run)

    resume = commands.add_parser("resume", help="go on from the newest valid checkpoint of a run")
    resume.add_argument("folder", type=Path, metavar="DIR", help="output folder of the run")
    _add_settings(resume)
    resume.set_defaults(action=_resume)

    check = commands.add_parser("check", help="all errors of a job file; memory, steps and cost (no MPI)")
    check.add_argument("job", type=Path)
    check.add_argument("--ranks", type=int, default=1, help="number of ranks to estimate for")
    _add_settings(check)
    check.set_defaults(action=_check)

    explain = commands.add_parser("explain", help="equations, splitting, program and kernels of a job")
    explain.add_argument("job", type=Path)
    _add_settings(explain)
    explain.set_defaults(action=_explain)

    plot = commands.add_parser("plot", help="the figures a person would want from a run")
    plot.add_argument("folder", type=Path, metavar="DIR", help="output folder of the run")
    plot.add_argument("--movie", action="store_true", help="a movie of the snapshots as well")
    plot.set_defaults(action=_plot)

    submit = commands.add_parser("submit", help="write a SLURM script for a job")
    submit.add_argument("job", type=Path)
    submit.add_argument("--now", action="store_true", help="and hand it to sbatch")
    submit.add_argument(
        "--chain", action="store_true", help="a script that submits itself again until the run is finished"
    )
    _add_settings(submit)
    submit.set_defaults(action=_submit)

    doctor = commands.add_parser("doctor", help="what of MPI, compiler, GPU, HDF5 is there, and what to do")
    doctor.set_defaults(action=_doctor)
    return parser


def _add_settings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        metavar="TABLE.KEY=VALUE",
        help="change a key; repeatable",
    )
    parser.add_argument(
        "--backend", choices=["auto", "cpu", "cuda", "emulated"], help="instead of [run] backend"
    )


def _settings(given: argparse.Namespace) -> list[str]:
    """The texts of --set, with the options that are short for one."""
    settings = list(given.settings)
    if given.backend:
        settings.append(f'run.backend="{given.backend}"')
    if getattr(given, "output", None):
        settings.append(f"output.directory={given.output}")
    return settings


def _complain(error: JobError | RunError | MachineError) -> int:
    """Print an error that is meant for the user; its exit code.

    A job's problems stand alone on their lines.
    """
    print(error if error.exit_code == 2 else f"hpcphys: error: {error}", file=sys.stderr)
    return error.exit_code


def _run(given: argparse.Namespace, started: float) -> int:
    from hpcphys.run.launch import Options, run_job

    options = Options(_settings(given), given.overwrite)
    return _with_mpi(lambda communicator: run_job(given.job, options, communicator, started))


def _resume(given: argparse.Namespace, started: float) -> int:
    from hpcphys.run.launch import Options, resume_run

    options = Options(_settings(given))
    return _with_mpi(lambda communicator: resume_run(given.folder, options, communicator, started))


def _with_mpi(action) -> int:
    """Do `action` on all ranks; an error that all ranks raise together is told once and ends the run without
    an abort."""
    from hpcphys.decomposition.communicator import Communicator
    from hpcphys.run.errors import JobError, RunError

    communicator = Communicator.start()
    try:
        return action(communicator)
    except (JobError, RunError) as error:
        return _complain(error) if communicator.rank == 0 else error.exit_code


def _check(given: argparse.Namespace, started: float) -> int:
    from hpcphys.io.rows import DataFileError
    from hpcphys.run.errors import JobError
    from hpcphys.run.job_file import load_job
    from hpcphys.run.kind import kind_of
    from hpcphys.run.output_folder import output_folder

    try:
        job = load_job(given.job, _settings(given))
        kind = kind_of(job)
        tried = kind.trial(job)
    except JobError as error:
        return _complain(error)
    except DataFileError as error:
        print(f"hpcphys: error: {error}", file=sys.stderr)
        return error.exit_code
    print(f"{given.job}: valid")
    for line in (*kind.estimate(job, given.ranks), *tried):
        print(line)
    print(f"output: {output_folder(job, given.job)}")
    return 0


def _explain(given: argparse.Namespace, started: float) -> int:
    from hpcphys.run.errors import JobError
    from hpcphys.run.job_file import load_job
    from hpcphys.run.kind import kind_of

    try:
        job = load_job(given.job, _settings(given))
        print(kind_of(job).explanation(job))
    except JobError as error:
        return _complain(error)
    return 0


def _plot(given: argparse.Namespace, started: float) -> int:
    from hpcphys.run.kind import kind_in

    try:
        written = kind_in(given.folder).plot(given.folder, movie=given.movie)
    except (OSError, ValueError) as problem:
        print(f"hpcphys: {problem}", file=sys.stderr)
        return 1
    for path in written:
        print(path)
    return 0


def _submit(given: argparse.Namespace, started: float) -> int:
    from hpcphys.run.errors import JobError, MachineError
    from hpcphys.run.job_file import load_job
    from hpcphys.run.submit import submit

    try:
        job = load_job(given.job, _settings(given))
        for line in submit(job, given.job, _settings(given), given.now, given.chain):
            print(line)
    except (JobError, MachineError) as error:
        return _complain(error)
    return 0


def _doctor(given: argparse.Namespace, started: float) -> int:
    from hpcphys.doctor import main as report

    return report()
