"""Small liquids for tests of jobs: texts of their tables, and simulations of them in this process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hpcphys.decomposition.communicator import Communicator
from hpcphys.kernels import backend
from hpcphys.report.log import Log
from hpcphys.report.timers import Timers
from hpcphys.run.checkpoint import Checkpoint, newest_checkpoint, write_checkpoint
from hpcphys.run.job_file import parse_job
from hpcphys.run.kind import kind_of

LATTICE = 'model = "lattice"\ncells = [5, 5, 5]\ndensity = 0.8\ntemperature = 1.2'
PAIRS = 'model = "lennard_jones"\ncutoff = 2.5'
NVE = 'model = "nve"'
LANGEVIN = 'model = "langevin"\ntemperature = 1.0\nfriction = 2.0\nseed = 7'
CHAIN = 'model = "nose_hoover_chain"\ntemperature = 1.0\nperiod = 0.3'
RESCALED = 'model = "velocity_rescaling"\ntemperature = 1.0\nperiod = 0.1'
BERENDSEN = 'model = "berendsen"\ntemperature = 1.0\nperiod = 0.1'
CELL = (
    'model = "cell_rescaling"\ntemperature = 1.0\nperiod = 0.1\npressure = 1.0\npressure_period = 1.0\n'
    "compressibility = 0.1\nevery = 3"
)
MTK = 'model = "mtk"\ntemperature = 1.0\nperiod = 0.5\npressure = 1.0\npressure_period = 1.0'
DUMB_BELLS = 'model = "molecules"\ncells = [5, 5, 5]\ndensity = 0.35\ntemperature = 1.2'
MOLECULES = '[molecules]\nmodel = "dumb_bell"\nlength = 0.7\n'
OBSERVED = """
[observables]
begin = 0.02
every = 4
rdf = { every = 5, bins = 40 }
msd = { every = 2, points = 4, levels = 3 }
vacf = { every = 3, points = 8 }
structure_factor = { every = 7, k_max = 10.0, shells = 20 }
viscosity = { every = 2 }
heat_capacity = { every = 3 }
"""


def job_text(
    initial: str = LATTICE, pairs: str = PAIRS, ensemble: str = NVE, more: str = "", steps: int = 100
) -> str:
    """A whole job file; `more` are further tables, or begins with further keys of [time]."""
    return (
        f'[system]\nkind = "liquid"\n[initial]\n{initial}\n[pairs]\n{pairs}\n[ensemble]\n{ensemble}\n'
        f"[time]\nsteps = {steps}\nstep = 0.004\n{more}\n"
    )


def started(
    text: str, checkpoint: Checkpoint | None = None, communicator: Any = None, log: Any = None
) -> Any:
    """The simulation of a job before its first step, on one thread; on one rank unless it says otherwise."""
    communicator = communicator or Communicator.serial()
    job = parse_job(text, "job.toml", Path("/"))
    rest = (Timers(communicator), log or Log(1), checkpoint)
    simulation = kind_of(job).simulation(job, backend("cpu", threads=1), communicator, *rest)
    simulation.start(resumed=checkpoint is not None)
    return simulation


def saved(simulation: Any, folder: Path) -> Checkpoint:
    """The simulation through a checkpoint file, as a run does it."""
    state, communicator = simulation.state, simulation.communicator
    arrays = {name: state[name] for name in state.names()} | simulation.further_blocks()
    rest = {"scalars": state.scalars, "memory": simulation.memory, "job": ""}
    write_checkpoint(folder, communicator, arrays, state.time, state.step, keep=1, **rest)
    return newest_checkpoint(folder, communicator)[0]
