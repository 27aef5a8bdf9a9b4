"""Each pair on one rank, forces to their owners, for systems with fewer atoms than some grids have blocks.

mpirun -n R python tests/ranks/pairs_everywhere.py      (rank 0 prints "finished")
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from short_range import CASES, brute_force, everything, found_here, in_order, layout, share

from hpcphys.decomposition.cells.halo import Halo
from hpcphys.decomposition.communicator import Communicator

CUBES = ("least surface", "tilted", "open x", "uneven")


def main() -> int:
    """All cases on the ranks of this launch."""
    ranks = Communicator.start()
    for name in CUBES:
        cells = layout(CASES[name], ranks)
        state = share(everything(CASES[name], cells.box), ranks)
        cells.exchange(state)
        halo = Halo(cells, state["position"])
        pairs, (i, j) = found_here(cells, halo, state)
        met = np.zeros((halo.home + halo.count, 1), np.int64)
        np.add.at(met, i, 1)
        np.add.at(met, j, 1)
        mine = met[: halo.home].copy()
        halo.backward(met[halo.home :].copy(), mine)
        told = ranks.gather((pairs, state["id"], state["position"], mine[:, 0]))
        if told:
            pairs, ids, position, met = (np.concatenate(parts) for parts in zip(*told, strict=True))
            expected = brute_force({"position": position, "id": ids}, cells.box, cells.reach)
            assert in_order(pairs).tolist() == expected.tolist(), name
            partners = [np.count_nonzero(expected[:, :2] == identity) for identity in ids]
            assert met.tolist() == partners, name
    if ranks.rank == 0:
        print("finished")
    return 0


if __name__ == "__main__":
    sys.exit(main())
