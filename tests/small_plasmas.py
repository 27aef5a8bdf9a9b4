"""Small plasmas for tests: job texts, and simulations that are made from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hpcphys.decomposition.communicator import Communicator
from hpcphys.kernels import backend
from hpcphys.report.log import Log
from hpcphys.report.timers import Timers
from hpcphys.run.job_file import parse_job
from hpcphys.run.kind import kind_of

WAVES = """
[system]
kind = "plasma"
[grid]
cells = [12, 8]
upper = [1.2, 0.8]
[fields]
solver = "yee"
magnetic = [0.0, 0.0, "0.3*cos(2*pi*x/1.2)"]
[particles]
shape = "quadratic"
[species.electrons]
charge = -1
mass = 1
per_cell = 8
thermal_velocity = [0.1, 0.2, 0.1]
density = "1 + 0.3*cos(2*pi*x/1.2)"
[species.ions]
charge = 1
mass = 100
per_cell = 4
layout = "gridded"
tracked = true
[diagnostics]
modes = [{ field = "B_z", index = [1, 0] }]
lines = [{ field = "E_x", every = 2 }]
phase_space = [{ species = "electrons", axes = ["x", "u_x"], bins = [6, 8] }]
phase_space_every = 3
[time]
steps = 6
cfl = 0.9
[output]
diagnostics_every = 1
moments = ["density", "current", "velocity", "temperature", "pressure"]
"""

CHARGES = """
[system]
kind = "plasma"
[grid]
cells = [16]
upper = 6.283185307179586
[fields]
solver = "electrostatic"
background = true
[particles]
precision = "double"
[species.electrons]
charge = -1
mass = 1
per_cell = 16
layout = "quiet"
displacement = ["0.01*sin(x)"]
[time]
end = 12.0
step = 0.2
[diagnostics]
modes = [{ field = "E_x", index = [1] }]
[measure.frequency]
quantity = "frequency"
mode = "mode_E_x_1"
theory = "plasma_oscillation"
arguments = { wave_number = 1.0, spacing = 0.39269908169872414, step = 0.2, order = 1 }
[output]
diagnostics_every = 1
"""


def job(text: str, *changes: str, files_needed: bool = True) -> Any:
    """The valid job of a text, with --set texts."""
    return parse_job(text, "job.toml", Path("/tmp"), settings=list(changes), files_needed=files_needed)


def simulation(
    text: str, *changes: str, communicator: Any = None, checkpoint: Any = None, log: Any = None
) -> Any:
    """The simulation of a job, started."""
    given = job(text, *changes)
    ranks = communicator or Communicator.serial()
    log = log or Log(ranks.rank)
    made = kind_of(given).simulation(given, backend("cpu", threads=1), ranks, Timers(ranks), log, checkpoint)
    made.start(checkpoint is not None)
    return made
