"""What the pages promise: the job is valid, the Python example runs, commands and links exist."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def blocks(language: str) -> list[str]:
    """The fenced blocks of the README in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.DOTALL | re.MULTILINE)


def hpcphys(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hpcphys", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("kind", ["gravity", "hamiltonian"])
def test_the_job_is_valid(kind: str, tmp_path: Path) -> None:
    (job,) = (block for block in blocks("toml") if f'kind = "{kind}"' in block)
    path = tmp_path / "job.toml"
    path.write_text(job)
    done = hpcphys("check", path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_python_example_runs() -> None:
    (code,) = blocks("python")
    smaller = code.replace("10_000", "500").replace("program.run(64)", "program.run(2)")
    assert "program.run(2)" in smaller
    command = [sys.executable, "-c", smaller]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "t = 0.03125, median radius" in done.stdout


def test_the_commands_exist() -> None:
    usage = hpcphys("--help").stdout
    for page in PAGES:
        for command in re.findall(r"(?:python -m|setup\.sh) hpcphys ([a-z]+)(?![\w./])", page.read_text()):
            assert re.search(rf"\b{command}\b", usage), f"{page.name}: hpcphys {command} is no command"


def test_setup_knows_the_commands() -> None:
    script = (ROOT / "setup.sh").read_text()
    known = re.findall(r"^([a-z| ]+)\) enter ", script, flags=re.MULTILINE)
    known = {word for line in known for word in line.replace("|", " ").split()}
    for page in PAGES:
        for command in re.findall(r"\./setup\.sh ([a-z]+)", page.read_text()):
            assert command in known, f"{page.name}: ./setup.sh {command} is no command"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    prose = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", prose):
        if "://" not in target:
            assert (page.parent / target).exists(), f"link to {target}: no such file"
