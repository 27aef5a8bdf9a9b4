"""How a job on several ranks ends when one of them fails: soon, with one message and the right exit code.

Each case runs mpirun in its own process group, which is killed if it outlives its time.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from launching import ENVIRONMENT, MPIRUN, ROOT, launcher

LIMIT = 60.0
PREAMBLE = """
    import os, signal, sys, tempfile, threading, time
    tempfile.tempdir = os.environ.get("SCRATCH")
    from hpcphys.decomposition.communicator import Communicator
    class Wrong(Exception):
        exit_code = 2
    ranks = Communicator.start()
"""
# The others sit in a collective call, as they would in a run.
WAIT = """
    ranks.barrier()
    time.sleep(600)
"""

pytestmark = pytest.mark.skipif(MPIRUN is None, reason="mpirun is not installed")


def run(tmp_path, body, after="", size=4, **environment):
    """(exit code, standard output and error) of the program on `size` ranks; fails if it does not end."""
    program = tmp_path / "program.py"
    program.write_text("".join(textwrap.dedent(part) for part in (PREAMBLE, body, after)))
    launch = [*(launcher(size) if size else []), sys.executable, str(program)]
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("OMPI_COMM", "PMI"))}
    process = subprocess.Popen(
        launch,
        cwd=tmp_path,
        env={**outside, **ENVIRONMENT, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=LIMIT)
    except subprocess.TimeoutExpired:
        pytest.fail(f"the job did not end within {LIMIT:g} s")
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return process.returncode, output


def test_one_failing_rank_ends_all(tmp_path):
    code, output = run(
        tmp_path,
        """
        if ranks.rank == 2:
            raise Wrong("mass of particle 7 is -1; masses must be positive")
    """,
        WAIT,
    )
    assert code == 2
    assert output.count("hpcphys:") == 1
    assert "hpcphys: error (rank 2 of 4): mass of particle 7 is -1; masses must be positive\n" in output
    assert "Traceback" not in output


@pytest.mark.parametrize("size", [4, 8])
def test_an_error_of_all_ranks_is_told_once(tmp_path, size):
    code, output = run(tmp_path, 'raise Wrong("no such file")', size=size)
    assert code == 2
    assert output.count("no such file") == 1


def test_an_unforeseen_error_shows_where(tmp_path):
    code, output = run(
        tmp_path,
        """
        if ranks.rank == 1:
            {}["position"]
    """,
        WAIT,
    )
    assert code == 1
    assert "unexpected KeyError (rank 1 of 4)" in output
    assert output.count("Traceback") == 1
    assert '{}["position"]' in output


def test_a_thread_that_fails_ends_the_job(tmp_path):
    code, output = run(
        tmp_path,
        """
        def fail():
            raise Wrong("disk full")
        if ranks.rank == 0:
            threading.Thread(target=fail).start()
    """,
        WAIT,
    )
    assert code == 2
    assert "disk full" in output


def test_an_interrupt_of_one_rank(tmp_path):
    code, output = run(
        tmp_path,
        """
        if ranks.rank == 1:
            os.kill(os.getpid(), signal.SIGINT)
    """,
        WAIT,
    )
    assert code == 130
    assert "hpcphys: interrupted (rank 1 of 4)" in output


@pytest.mark.parametrize("how", ["SIGKILL", "SIGSEGV"])
def test_a_killed_rank_ends_the_job(tmp_path, how):
    started = time.monotonic()
    code, _ = run(
        tmp_path,
        f"""
        if ranks.rank == 1:
            os.kill(os.getpid(), signal.{how})
    """,
        WAIT,
    )
    assert code != 0
    # No speed is meant by this: without an end by mpirun the others would sleep for ten minutes.
    assert time.monotonic() - started < 20.0


def test_a_common_end_keeps_its_exit_code(tmp_path):
    code, output = run(tmp_path, "sys.exit(75)", size=2)
    assert code == 75
    assert "hpcphys:" not in output


@pytest.mark.parametrize("size", [0, 1])
def test_a_job_of_one_rank(tmp_path, size):
    """size 0: started without mpirun."""
    code, output = run(tmp_path, 'raise Wrong("no such file")', size=size)
    assert code == 2
    assert "hpcphys: error: no such file\n" in output
    assert "MPI_ABORT" not in output


def test_a_launcher_of_another_mpi_is_recognised(tmp_path):
    program = "from hpcphys.decomposition.communicator import Communicator; Communicator.start()"
    result = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=LIMIT,
        cwd=ROOT,
        env={**os.environ, "PMI_SIZE": "4", "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert result.returncode != 0
    assert "the launcher started 4 ranks, but MPI sees one" in result.stderr


@pytest.mark.parametrize("size", [0, 2])
def test_choices_for_this_machine_are_not_inherited(tmp_path, size):
    code, output = run(
        tmp_path, 'print("left:", [name for name in os.environ if "OMPI_MCA_btl" in name])', size=size
    )
    assert code == 0
    assert output.count("left: []") == max(size, 1)


def test_nothing_is_left_in_the_temporary_folder(tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    code, _ = run(tmp_path, "os._exit(3)", size=2, TMPDIR=str(scratch))
    assert code == 3
    assert not list(scratch.rglob("hpcphys-*"))


def test_without_a_temporary_folder_errors_are_still_told(tmp_path):
    code, output = run(
        tmp_path,
        """
        if ranks.rank == 1:
            raise Wrong("no such file")
    """,
        WAIT,
        SCRATCH="/proc/none",
    )
    assert code == 2
    assert "no such file" in output
