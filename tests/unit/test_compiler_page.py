"""docs/compiler.md: its examples run, its job is valid."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from hpcphys.run.job_file import parse_job

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "compiler.md").read_text()


def blocks(language: str) -> list[str]:
    """The fenced blocks of the page in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)


def test_the_page_has_its_examples():
    assert len(blocks("python")) == 9
    assert len(blocks("toml")) == 1


@pytest.mark.parametrize("number", range(8))
def test_example_runs(number, capsys):
    code = compile(blocks("python")[number], f"docs/compiler.md, example {number + 1}", "exec")
    namespace: dict[str, object] = {"__name__": "example"}
    exec(code, namespace)
    if "print(" in blocks("python")[number]:
        assert capsys.readouterr().out.strip()


def test_the_examples_stand_alone():
    """The first example as a user would run it: in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", blocks("python")[0]], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "kahan_li8: order 8" in done.stdout


def test_the_job_is_valid():
    job = parse_job(blocks("toml")[0], "compiler.md", ROOT)
    assert job.initial.systems == 1000
