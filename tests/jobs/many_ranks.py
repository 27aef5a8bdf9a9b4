"""Forces, a flow, a wavefunction, pairs and a liquid on all ranks that this is started on, against one rank.

mpirun -n 64 python many_ranks.py [forces] [flow] [wavefunction] [pairs] [liquid]
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "ranks"))
import test_cells as cells
import test_forces as forces
import test_vorticity as flows
import test_wavefunctions as waves
from liquid_jobs import PAIRS, job_text, started

from hpcphys.decomposition.communicator import Communicator
from hpcphys.forces.direct import DirectGravity
from hpcphys.forces.tree import TreeGravity
from hpcphys.kernels import backend

SERIAL = Communicator.serial()
IN_LJ = 'model = "lattice"\ncells = [6, 6, 6]\ndensity = 0.8442\ntemperature = 1.44'


def same_forces(world: Communicator) -> None:
    """Bit for bit, twenty particles on each of 64 ranks, and fewer particles than ranks."""
    cpu = backend("cpu", threads=1)
    for made in (forces.plummer, forces.cluster_beside_void, forces.distant_outliers):
        small = {"tolerance": 0.02, "group_size": 8, "leaf_size": 8}
        forces.compared(world, cpu, TreeGravity, forces.system(made, 64 * 20), 2, **small)
    forces.compared(world, cpu, DirectGravity, forces.system(forces.plummer, 40), 1)


def same_flow(world: Communicator) -> None:
    """Bit for bit: 150 points, whose 50 columns of wavenumbers leave some of 64 ranks without."""
    for n in (150, 200):
        grid, _, program = flows.forced_run(world, n, 2)
        alone = flows.forced_run(SERIAL, n, 2)[2] if world.rank == 0 else None
        rows = world.allgather(program.state["vorticity"])
        if alone is not None:
            assert (np.concatenate(rows) == alone.state["vorticity"]).all(), n
        # Memory falls with the ranks: no rank holds more than its share of columns, rounded up.
        assert len(program.state["vorticity"]) <= -(-(grid.cutoff + 1) // world.size), n


def same_wavefunction(world: Communicator) -> None:
    """To rounding: 70 rows on 64 ranks."""
    text = waves.JOB.replace("[18, 20]", "[70, 20]")
    run = waves.advanced(world, text)
    found = waves.gathered(world, run)
    assert len(run.state["wavefunction"]) <= -(-70 // world.size)
    if world.rank == 0:
        alone = waves.advanced(SERIAL, text)
        assert np.abs(found - alone.state["wavefunction"]).max() < 1e-13


def same_pairs(world: Communicator) -> None:
    """Each pair once, 50 atoms on 64 ranks with blocks thinner than reach; forces at their owners."""
    for name in ("tilted", "open x"):
        cells.check_pairs_and_forces(world, name)


def same_liquid(world: Communicator) -> None:
    """in.lj of 864 atoms, five steps, bit for bit in fixed-point sums."""
    text = job_text(IN_LJ, PAIRS, more="[run]\nreproducible = true")
    alone = energies(text, SERIAL) if world.rank == 0 else []
    found = energies(text, world)
    assert world.rank or found == alone


def energies(text: str, communicator: Communicator) -> list[float]:
    """Temperature, energies and pressure after five steps."""
    simulation = started(text, communicator=communicator)
    simulation.advance(5, diagnosed=True)
    row = simulation.row()
    return [row[name] for name in ("temperature", "potential_energy", "total_energy", "pressure")]


CHECKS = {
    "forces": same_forces,
    "flow": same_flow,
    "wavefunction": same_wavefunction,
    "pairs": same_pairs,
    "liquid": same_liquid,
}

if __name__ == "__main__":
    everyone = Communicator.start(abort_hook=False)
    for name in sys.argv[1:] or CHECKS:
        CHECKS[name](everyone)
    if everyone.rank == 0:
        print("finished")
