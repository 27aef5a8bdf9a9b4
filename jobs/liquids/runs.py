"""Runs of the program from a script: started when they are not there yet, read when they are."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
GIVEN = "settings.json"


def finished(job: Path, folder: Path, settings: Sequence[str] = (), ranks: int = 1) -> dict[str, Any]:
    """summary.json of the run of a job with these settings in a folder.

    job: a job file;  settings: as given to --set, "key=value";  ranks: above 1 by mpirun
    A run that finished there from the same file and settings is not repeated; anything else there is deleted
    first.
    Raises RuntimeError with the program's last words when it fails.
    """
    given = {"job": job.read_text(encoding="utf-8"), "settings": list(settings)}
    record, summary = folder / GIVEN, folder / "summary.json"
    if summary.exists() and record.exists() and json.loads(record.read_text(encoding="utf-8")) == given:
        found = json.loads(summary.read_text(encoding="utf-8"))
        if found["status"] == "finished":
            return found
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    words = [word for setting in settings for word in ("--set", setting)]
    command = [sys.executable, "-m", "hpcphys", "run", str(job), "--output", str(folder), *words]
    if ranks > 1:
        command = ["mpirun", "-n", str(ranks), *command]
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    variables = {"OMP_NUM_THREADS": "1", **os.environ, "PYTHONPATH": path}  # a thousand atoms feed one thread
    print(f"running {job.name} {' '.join(settings)}", flush=True)
    done = subprocess.run(command, env=variables, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: exit status {done.returncode}\n{done.stderr[-3000:]}")
    record.write_text(json.dumps(given), encoding="utf-8")
    return json.loads(summary.read_text(encoding="utf-8"))


def drawn(path: Path, panel: Callable[..., None], *results: Any) -> None:
    """A figure of one panel, panel(axes, *results), in a file."""
    import matplotlib
    from matplotlib.figure import Figure

    from hpcphys.report.figures import FIGURE_WIDTH, STYLE

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(FIGURE_WIDTH, 3.7))
        panel(
            figure.subplots(gridspec_kw={"left": 0.12, "right": 0.97, "bottom": 0.14, "top": 0.95}), *results
        )
        figure.savefig(path)
