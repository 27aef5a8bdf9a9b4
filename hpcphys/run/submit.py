"""`hpcphys submit`: a SLURM script for a job."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from hpcphys.run.errors import JobError, MachineError
from hpcphys.run.job import Job, Slurm
from hpcphys.run.output_folder import output_folder


def submit(job: Job, job_file: Path, settings: list[str], now: bool, chain: bool = False) -> list[str]:
    """Write <job>.sbatch beside the job file, and with `now` hand it to sbatch; lines for the user.

    chain: the script submits itself again until the run is finished

    Raises JobError without a [slurm] table, MachineError when the script cannot be written or sbatch refuses.
    """
    if job.slurm is None:
        raise JobError(
            [f"{job_file}: slurm: the table [slurm] is missing; add it with time, nodes and tasks_per_node"]
        )
    script = job_file.with_suffix(".sbatch")
    try:
        text = script_text(job, job.slurm, job_file, settings, chain)
        script.write_text(text, encoding="utf-8")
        script.chmod(0o755)
    except OSError as problem:
        raise MachineError(f"{script}: cannot be written: {problem}") from problem
    if not now:
        return [f"{script}: written; `sbatch {script}` submits it"]
    if shutil.which("sbatch") is None:
        raise MachineError(
            f"{script}: written, but there is no sbatch on this machine; copy it to the cluster"
        )
    answer = subprocess.run(["sbatch", str(script)], capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise MachineError(f"sbatch refused {script}: {answer.stderr.strip()}")
    return [f"{script}: written", answer.stdout.strip()]


def script_text(job: Job, slurm: Slurm, job_file: Path, settings: list[str], chain: bool = False) -> str:
    """The script: starts the job, or goes on with it when its output folder holds a checkpoint.

    SLURM sends SIGUSR2 to the ranks before the time is up; hpcphys then writes a checkpoint and exits with
    75.  chain: it is then submitted again, as long as each turn leaves a newer checkpoint than it found.
    """
    folder = output_folder(job, job_file).resolve()
    options = {
        "job-name": job_file.stem,
        "time": slurm.time,
        "nodes": slurm.nodes,
        "ntasks-per-node": slurm.tasks_per_node,
        "cpus-per-task": slurm.cpus_per_task,
        "gpus-per-node": slurm.gpus_per_node or None,
        "partition": slurm.partition,
        "account": slurm.account,
        "mem": slurm.memory,
        "signal": f"USR2@{slurm.signal_seconds}",
        "output": f"{job_file.stem}-%j.log",
    }
    header = [f"#SBATCH --{name}={value}" for name, value in options.items() if value is not None]
    header += [f"#SBATCH {option}" for option in slurm.options]
    program = f"{slurm.launcher} {shlex.quote(sys.executable)} -m hpcphys"
    extra = " ".join(f"--set {shlex.quote(setting)}" for setting in settings)
    run = f"{program} run {shlex.quote(str(job_file.resolve()))} {extra}".rstrip()
    again = f"{program} resume {shlex.quote(str(folder))}"
    lines = [
        "#!/bin/bash",
        *header,
        "",
        # The environment's own mpirun, wherever the script is submitted from; a module's goes before it.
        f'export PATH={shlex.quote(str(Path(sys.executable).parent))}:"$PATH"',
        *slurm.setup,
        f"cd {shlex.quote(os.getcwd())}",
        "export OMP_NUM_THREADS=${SLURM_CPUS_PER_TASK:-1}",
        *(_begin_turn(folder) if chain else []),
        f"if compgen -G {shlex.quote(str(folder))}/'checkpoint-*.h5' > /dev/null; then",
        f"    {again}",
        "else",
        f"    {run}",
        "fi",
        *(_end_turn(job_file.with_suffix(".sbatch").resolve()) if chain else []),
    ]
    return "\n".join(lines) + "\n"


def _begin_turn(folder: Path) -> list[str]:
    """Shell lines that remember the newest checkpoint."""
    there = f"ls {shlex.quote(str(folder))} 2> /dev/null"
    return [f"newest() {{ {there} | grep '^checkpoint-' | sort | tail -n 1; }}", "before=$(newest)"]


def _end_turn(script: Path) -> list[str]:
    """Shell lines that submit the script again after a run that stopped early with a newer checkpoint."""
    return [
        "code=$?",
        'if [ "$code" = 75 ]; then',
        '    if [ "$(newest)" = "$before" ]; then',
        '        echo "hpcphys: this turn wrote no new checkpoint; not submitted again" >&2',
        "        exit 1",
        "    fi",
        f"    exec sbatch {shlex.quote(str(script))}",
        "fi",
        'exit "$code"',
    ]
