"""One force evaluation on this many ranks, counted on each.

mpirun -n R python scaling/rank_probe.py N OUT.json K

OUT.json: for each setting one list per rank of what it held, imported, sent and took (best of K steps).
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from hpcphys.compiler import State
from hpcphys.decomposition.communicator import Communicator
from hpcphys.forces.tree import TreeGravity
from hpcphys.initial import realisation
from hpcphys.kernels import backend as backend_named
from scaling.force import SOFTENING
from scaling.published import ESSENTIAL_TREE_ANGLE

SETTINGS = {
    "geometric": {"criterion": "geometric", "opening_angle": ESSENTIAL_TREE_ANGLE},
    "relative": {"criterion": "relative", "tolerance": 0.02},
}
DRIFT = 1.0 / 64.0  # the main job's step: some particles change their rank, as they do in a run


class Counting(Communicator):
    """Counts the messages from rank to rank apart from those of collective operations."""

    direct_messages = 0

    def start_exchange(self, rows, counts, arriving=None):
        """As Communicator's, counting the ranks that are sent to."""
        others = np.array(counts, dtype=np.int64)
        others[self.rank] = 0
        self.direct_messages += int(np.count_nonzero(others))
        return super().start_exchange(rows, counts, arriving)


def step(force: TreeGravity, state: State, communicator: Counting) -> dict[str, float]:
    """A drift, an exchange and an evaluation: seconds, bytes and messages of this rank."""
    state["position"] = state["position"] + DRIFT * state["velocity"]
    communicator.barrier()
    communicator.reset_counters()
    communicator.direct_messages = 0
    wall, cpu = time.perf_counter(), time.process_time()
    force.layout.exchange(state)
    force.evaluate(state)
    sent = {
        "bytes": communicator.bytes_sent,
        "messages": communicator.messages_sent,
        "direct_messages": communicator.direct_messages,
    }
    busy = time.process_time() - cpu
    communicator.barrier()
    return {**sent, "wall": time.perf_counter() - wall, "cpu": busy}


def measured(communicator: Counting, count: int, repeats: int, settings: dict) -> list[dict[str, float]]:
    """One record per rank: of the last step, the times of the fastest."""
    backend = backend_named("cpu", threads=1)
    arrays = realisation("plummer", count, 1, communicator)
    state = State({name: backend.array(arrays[name]) for name in ("position", "velocity", "mass", "id")})
    force = TreeGravity(backend, communicator, softening=SOFTENING, **settings)
    for _ in range(2):  # once to have a last acceleration, once to cut by the work it took
        step(force, state, communicator)
    steps = [step(force, state, communicator) for _ in range(repeats)]
    record = {**steps[-1], **force.statistics()}
    record["wall"] = min(s["wall"] for s in steps)
    record["cpu"] = min(s["cpu"] for s in steps)
    record["roots"] = len(force.tree.root_rows)
    record["interactions"] = record["pairs"] + 2.0 * record["cells"]
    return communicator.allgather(record)


def main(arguments: list[str]) -> int:
    """Measure every setting; rank 0 writes."""
    count, target, repeats = int(arguments[0]), Path(arguments[1]), int(arguments[2])
    communicator = Counting.start()
    found = {name: measured(communicator, count, repeats, options) for name, options in SETTINGS.items()}
    if communicator.rank == 0:
        target.write_text(json.dumps(found), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
