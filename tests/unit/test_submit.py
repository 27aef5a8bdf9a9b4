"""Chains of submissions: the script runs under a batch system and a launcher that are shell scripts here."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from hpcphys.cli import main

JOB = """
[system]
kind = "gravity"
[initial]
model = "plummer"
[time]
steps = 10
step = 0.01
[output]
directory = "{folder}"
[slurm]
launcher = "{launcher}"
"""

LAUNCHER = """#!/bin/bash
# Each turn writes a newer checkpoint, up to number LAST; the third finishes.
echo "$*" >> {turns}
turn=$(wc -l < {turns})
mkdir -p {folder}
touch {folder}/checkpoint-$(printf %08d $((turn < LAST ? turn : LAST))).h5
[ "$turn" -lt 3 ] && exit 75
exit 0
"""


@pytest.fixture
def chain(tmp_path, monkeypatch):
    """chain(last): submits the job as a chain, runs it to its end; (exit code, what was launched, stderr)."""
    tools, folder, turns = tmp_path / "tools", tmp_path / "out", tmp_path / "turns"
    tools.mkdir()
    for name, text in (
        ("start", LAUNCHER.format(turns=turns, folder=folder)),
        ("sbatch", '#!/bin/bash\nexec bash "$1"\n'),
    ):
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    job = tmp_path / "job.toml"
    job.write_text(JOB.format(folder=folder, launcher=tools / "start"))
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")

    def run(last: int):
        assert main(["submit", str(job), "--chain"]) == 0
        done = subprocess.run(
            ["bash", str(job.with_suffix(".sbatch"))],
            env={**os.environ, "LAST": str(last)},
            capture_output=True,
            text=True,
            timeout=60,
        )
        return done.returncode, turns.read_text().splitlines(), done.stderr

    return run


def test_a_chain_resumes_until_the_run_is_finished(chain):
    code, turns, _ = chain(last=9)
    assert code == 0
    assert [turn.split()[3] for turn in turns] == ["run", "resume", "resume"]


def test_a_chain_without_progress_ends(chain):
    code, turns, said = chain(last=1)
    assert code == 1
    assert len(turns) == 2
    assert "no new checkpoint" in said


def test_without_chain_nothing_is_submitted_again(tmp_path):
    job = tmp_path / "job.toml"
    job.write_text(JOB.format(folder=tmp_path / "out", launcher="srun"))
    assert main(["submit", str(job)]) == 0
    assert "sbatch" not in Path(job.with_suffix(".sbatch")).read_text().replace("#SBATCH", "")
