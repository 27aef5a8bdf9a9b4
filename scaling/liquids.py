"""Whole steps of a Lennard-Jones liquid, LAMMPS' benchmark in.lj, beside LAMMPS in the same run.

python scaling/liquids.py [--cells 6 20 40 63] [--lammps PYTHON] [--ranks 1 2] [--quick]

Density 0.8442, cutoff 2.5, a face-centred lattice at temperature 1.44, time step 0.005, everything included.
One core: process CPU time of a step, after the crystal has melted; several ranks: wall time.
--lammps: a Python with the packages lammps and mpich, by default none
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from hpcphys.compiler.state import State
from hpcphys.decomposition.cells.box import Box
from hpcphys.decomposition.cells.layout import Cells
from hpcphys.decomposition.communicator import Communicator
from hpcphys.forces.pairs import LennardJones, PairForces
from hpcphys.initial.liquids import Lattice, on_lattice, share_of
from hpcphys.kernels import backend
from hpcphys.physics.liquids import liquid, maxwell_boltzmann
from scaling.launching import launched
from scaling.limits import machine
from scaling.printed import Table
from scaling.timing import alone
from scaling.verdict import Verdict

DENSITY, CUTOFF, TEMPERATURE, DT, WARM = 0.8442, 2.5, 1.44, 0.005, 100
BUFFER, INNER = 0.7, 0.25
PEER = Path(__file__).resolve().with_name("lammps_peer.py")


def probe(cells: int, precision: str, steps: int, target: Path) -> None:
    """Run on the ranks that this is started on; rank 0 writes seconds of a step, energy and builds."""
    ranks, cpu = Communicator.start(), backend("cpu", threads=1)
    lattice = Lattice("fcc", (cells,) * 3, density=DENSITY)
    state = State(on_lattice(lattice, *share_of(ranks, lattice.count)))
    maxwell_boltzmann(state, TEMPERATURE, cpu, ranks, seed=1, exact=True)
    box = Box(lattice.vectors)
    cut = Cells(box, ranks, reach=CUTOFF + BUFFER) if ranks.size > 1 else None
    field = PairForces(
        cpu,
        ranks,
        box,
        LennardJones(),
        cutoff=CUTOFF,
        buffer=BUFFER,
        inner=INNER,
        precision=precision,
        cells=cut,
    )
    system = liquid(state, field, cpu, ranks)
    program = system.program(DT)
    program.run(WARM)
    best_cpu = best_wall = float("inf")
    for _ in range(3):
        ranks.barrier()
        processor, wall = time.process_time(), time.perf_counter()
        program.run(steps)
        best_cpu = min(best_cpu, (time.process_time() - processor) / steps)
        best_wall = min(best_wall, ranks.allreduce((time.perf_counter() - wall) / steps, "max"))
    field.evaluate(program.state, {"totals"})
    energy = field.totals()["energy"] / lattice.count
    found = {"cpu": best_cpu, "wall": best_wall, "energy": energy, "count": lattice.count}
    found |= {"builds": field.builds, "dangerous": field.dangerous}
    if ranks.rank == 0:
        target.write_text(json.dumps(found), encoding="utf-8")


def measured(cells: int, precision: str, ranks: int) -> dict[str, float]:
    """What `probe` writes."""
    steps = max(20, min(1000, 3_000_000 // (4 * cells**3)))
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "found.json"
        launched(ranks, [__file__, "--probe", str(cells), precision, str(steps), str(target)])
        return json.loads(target.read_text(encoding="utf-8"))


def lammps(python: str, cells: int) -> dict[str, list[float]]:
    """Numbers of lammps_peer.py for each of its pair styles.  Raises RuntimeError when it fails."""
    steps = max(20, min(400, 3_000_000 // (4 * cells**3)))
    done = subprocess.run([python, str(PEER), str(cells), str(steps)], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{python}: LAMMPS did not run\n{done.stderr[-2000:]}")
    lines = [line.split() for line in done.stdout.splitlines() if line.startswith(("plain", "opt", "omp"))]
    return {name: [float(word) for word in words] for name, *words in lines}


def main(arguments: list[str] | None = None) -> int:
    """Print rates, ratios and the verdict."""
    parser = argparse.ArgumentParser(description="steps of a Lennard-Jones liquid beside LAMMPS")
    parser.add_argument(
        "--cells", type=int, nargs="+", default=[6, 20, 40, 63], help="four atoms in each, cubed"
    )
    parser.add_argument("--lammps", metavar="PYTHON", help="a Python with the packages lammps and mpich")
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--quick", action="store_true", help="864 atoms alone")
    parser.add_argument("--probe", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.probe:
        cells, precision, steps, target = given.probe
        probe(int(cells), precision, int(steps), Path(target))
        return 0
    print(f"{machine()}\n")
    table = Table(
        "Million atom-steps/s",
        "atoms",
        "precision",
        "ranks",
        "of CPU time and core",
        "of wall time",
        "LAMMPS",
        "ratio",
    )
    verdict = Verdict()
    with alone():
        for cells in [6] if given.quick else given.cells:
            peer = lammps(given.lammps, cells) if given.lammps else {}
            best = 4e-6 * cells**3 / min(words[0] for words in peer.values()) if peer else None
            for precision in ("mixed", "double"):
                walls = {}
                for ranks in given.ranks:
                    found = measured(cells, precision, ranks)
                    count = found["count"]
                    rate, walls[ranks] = 1e-6 * count / found["cpu"], found["wall"]
                    ratio = rate / best if best and ranks == 1 else None
                    shown = best if ranks == 1 else None
                    table.add(count, precision, ranks, rate, 1e-6 * count / found["wall"], shown, ratio)
                    if ratio is not None and precision == "mixed":
                        verdict.at_least(f"times LAMMPS' best, {count} atoms", ratio, 4.0)
                if len(walls) > 1 and count >= 30_000:
                    one, *_, most = walls
                    verdict.at_least(
                        f"{most} ranks against {one}, {count} atoms, {precision}",
                        walls[one] / walls[most],
                        0.9 * most,
                    )
    table.show()
    verdict.show()
    return 0


if __name__ == "__main__":
    sys.exit(main())
