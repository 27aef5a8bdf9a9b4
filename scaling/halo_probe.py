"""One halo on this many ranks, counted on each.

mpirun -n R python scaling/halo_probe.py N OUT.json REPEATS [TILT]

OUT.json: the grid, and for each rank the rows and copies it holds, bytes and messages of one forward
(positions, float32), what geometry says, bytes and messages of an exchange after a short drift and of making
the halo, and seconds (best of REPEATS) of making it and of forward + backward.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from hpcphys.compiler.state import State
from hpcphys.decomposition.cells.box import Box
from hpcphys.decomposition.cells.halo import Halo
from hpcphys.decomposition.cells.layout import Cells
from hpcphys.decomposition.communicator import Communicator

DENSITY, REACH = 0.8442, 2.8  # LAMMPS's in.lj: r_c = 2.5, skin 0.3
DRIFT = 0.1  # of a step between two builds: about what an atom moves in 20 steps


def liquid(communicator: Communicator, count: int, tilt: float) -> tuple[Cells, State]:
    """Atoms at random places of a box, on the ranks that own them."""
    edge = (count / DENSITY) ** (1 / 3)
    box = Box(edge * np.array([[1, 0, 0], [tilt, 1, 0], [-tilt, tilt, 1]]))
    cells = Cells(box, communicator, reach=REACH)
    first, last = (count * (communicator.rank + k) // communicator.size for k in (0, 1))
    rng = np.random.default_rng(communicator.rank)
    position = box.cartesian(rng.random((last - first, 3)))
    identity = np.arange(first, last)
    arrays = {"position": position, "id": identity, "velocity": rng.normal(size=position.shape)}
    state = State({**arrays, "image": np.zeros(position.shape, np.int32)})
    cells.exchange(state)
    return cells, state


def counted(communicator: Communicator, action: Callable[[], object]) -> dict[str, float]:
    """Bytes and messages that this rank sends."""
    communicator.barrier()
    communicator.reset_counters()
    action()
    found = communicator.counters()
    return {"bytes": found["bytes_sent"], "messages": found["messages_sent"]}


def best(communicator: Communicator, action: Callable[[], object], repeats: int) -> float:
    """Seconds of the slowest rank, best of the repeats."""
    found = np.inf
    for _ in range(repeats):
        communicator.barrier()
        began = time.perf_counter()
        action()
        found = min(found, communicator.allreduce(time.perf_counter() - began, "max"))
    return found


def measured(communicator: Communicator, count: int, repeats: int, tilt: float) -> dict:
    """Everything about one system."""
    cells, state = liquid(communicator, count, tilt)
    rng = np.random.default_rng(1000 + communicator.rank)
    state["position"] = state["position"] + DRIFT * rng.normal(size=state["position"].shape)
    moving = counted(communicator, lambda: cells.exchange(state))
    making = counted(communicator, lambda: Halo(cells, state["position"]))
    halo = Halo(cells, state["position"])
    rows, copies = state["position"].astype(np.float32), np.empty((halo.count, 3), np.float32)
    force, others = np.zeros_like(rows), np.zeros_like(copies)
    sent = counted(communicator, lambda: halo.forward(rows, copies))

    def both() -> None:
        halo.forward(rows, copies)
        halo.backward(others, force)

    record = {
        "rows": len(rows), "copies": halo.count, "bytes": sent["bytes"], "messages": sent["messages"],
        "minimum": halo.minimum_rows * copies.itemsize * 3, "exchange": moving, "making": making,
    }  # fmt: skip
    seconds = {
        "making": best(communicator, lambda: Halo(cells, state["position"]), repeats),
        "both": best(communicator, both, repeats),
    }
    return {"grid": cells.grid, "ranks": communicator.allgather(record), "seconds": seconds}


def main(arguments: list[str]) -> int:
    """Measure; rank 0 writes."""
    count, target, repeats = int(arguments[0]), Path(arguments[1]), int(arguments[2])
    communicator = Communicator.start()
    found = measured(communicator, count, repeats, float(arguments[3]) if len(arguments) > 3 else 0.0)
    if communicator.rank == 0:
        target.write_text(json.dumps(found), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
