"""Far more ranks than cores: forces, flows, wavefunctions, pairs and liquids are still those of one rank."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from launching import ENVIRONMENT, launcher


@pytest.mark.parametrize(
    ("ranks", "checks"),
    [
        (64, ["forces", "flow", "wavefunction", "pairs"]),
        pytest.param(27, ["liquid"], marks=pytest.mark.validate),
    ],
)
def test_far_more_ranks_than_cores(ranks, checks):
    """The script compares every array with that of one rank."""
    script = Path(__file__).with_name("many_ranks.py")
    command = [*launcher(ranks), sys.executable, str(script), *checks]
    run = subprocess.Popen(
        command,
        env={**os.environ, **ENVIRONMENT},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        said, _ = run.communicate(timeout=400)
    except subprocess.TimeoutExpired:
        os.killpg(run.pid, signal.SIGKILL)
        said, _ = run.communicate()
        pytest.fail(f"the ranks hung\n{said}")
    assert run.returncode == 0, said
    assert said.count("finished") == 1, said
