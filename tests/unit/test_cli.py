"""The command line, as far as it needs no run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hpcphys.cli import main

JOB = """
[system]
kind = "gravity"
[initial]
model = "plummer"
particles = 100000
[time]
end = 10
step = 0.1
"""


@pytest.fixture
def job_file(tmp_path):
    path = tmp_path / "job.toml"
    path.write_text(JOB)
    return path


def test_help_and_check_start_neither_mpi_nor_anything_heavy(job_file):
    code = (
        "import sys\nfrom hpcphys.cli import main\n"
        f"assert main(['check', {str(job_file)!r}]) == 0\n"
        "try:\n    main(['--help'])\nexcept SystemExit as end:\n    assert end.code == 0\n"
        "print([name for name in ('mpi4py', 'matplotlib', 'scipy', 'cupy') if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.splitlines()[-1] == "[]"


def test_check_estimates_memory_and_steps(job_file, capsys):
    assert main(["check", str(job_file), "--ranks", "4"]) == 0
    text = capsys.readouterr().out
    assert "steps: 100" in text
    assert "memory: about 124 MB on each of 4 ranks" in text


def test_check_measures_the_force_error(job_file, capsys):
    """The measured error follows the criterion: it is not a number from a table."""
    errors = []
    for tolerance in ("0.05", "0.0005"):
        many = ["--set", "initial.particles=5000", "--set", f"gravity.tolerance={tolerance}"]
        assert main(["check", str(job_file), *many]) == 0
        (line,) = (line for line in capsys.readouterr().out.splitlines() if "against direct sums: " in line)
        errors.append(float(line.split("99 % below ")[1]))
    assert errors[1] < 0.3 * errors[0] < 0.01


def test_check_warns_of_more_ranks_than_particles(job_file, capsys):
    assert main(["check", str(job_file), "--ranks", "4", "--set", "initial.particles=3"]) == 0
    assert "warning: 4 ranks for 3 particles" in capsys.readouterr().out


def test_check_tells_all_faults_with_exit_code_2(job_file, capsys):
    assert main(["check", str(job_file), "--set", "time.setp=1", "--set", "gravity.softening=-1"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_a_missing_job_file_is_named(tmp_path, capsys):
    assert main(["check", str(tmp_path / "no.toml")]) == 2
    assert "no.toml: no such file" in capsys.readouterr().err
    assert main(["check", str(tmp_path)]) == 2
    assert "is a folder" in capsys.readouterr().err


def test_an_unknown_command_is_refused(capsys):
    with pytest.raises(SystemExit) as end:
        main(["resume"])
    assert end.value.code == 2


def test_submit_needs_a_table_and_writes_a_script(job_file, capsys, monkeypatch):
    assert main(["submit", str(job_file)]) == 2
    assert "[slurm] is missing" in capsys.readouterr().err
    job_file.write_text(JOB + '[slurm]\ntime = "02:00:00"\nnodes = 3\nsetup = ["module load openmpi"]\n')
    assert main(["submit", str(job_file), "--set", "time.step=0.05"]) == 0
    script = job_file.with_suffix(".sbatch")
    text = script.read_text()
    for line in (
        "#SBATCH --time=02:00:00",
        "#SBATCH --nodes=3",
        "#SBATCH --signal=USR2@120",
        "module load openmpi",
    ):
        assert line in text.splitlines()
    assert "--set time.step=0.05" in text
    bin_folder = Path(sys.executable).parent
    assert text.index(f'export PATH={bin_folder}:"$PATH"') < text.index("module load openmpi")
    assert subprocess.run(["bash", "-n", str(script)]).returncode == 0
    monkeypatch.setenv("PATH", "/nonexistent")
    assert main(["submit", str(job_file), "--now"]) == 1
    assert "no sbatch" in capsys.readouterr().err


def test_explain_tells_equations_conservation_and_cost(job_file, capsys):
    assert main(["explain", str(job_file)]) == 0
    text = capsys.readouterr().out
    for words in (r"\dot{q}_i = v_i", "canonical structure", "order 2, symmetric", "exchange", "tree_forces"):
        assert words in text
    assert "energy: oscillates by O(dt^2) without trend (leapfrog, equal steps)" in text
    assert "momentum: exact to rounding" in text
    assert "core seconds for 100000 particles" in text
    assert main(["explain", str(job_file), "--set", "gravity.conserve_momentum=false"]) == 0
    assert "momentum: to the error of the tree's forces" in capsys.readouterr().out


def test_plot_of_a_folder_without_a_run_fails_in_words(tmp_path, capsys):
    assert main(["plot", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("hpcphys: ")
