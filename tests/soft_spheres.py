"""A field for tests of minimisation: all pairs of all ranks, by plain NumPy."""

from __future__ import annotations

import numpy as np


class AllPairs:
    """E = Σ_{i<j} u(r_ij) in a cubic periodic box; u is "soft" ½(1 - r)² below r = 1, or "lj" 4(r⁻¹² - r⁻⁶).

    With shuffle=True every evaluation sends each row to a random rank, as a layout may.
    """

    name, layout = "all pairs", None
    reads, writes, optional = frozenset({"position"}), frozenset({"force"}), frozenset()

    def __init__(self, communicator, length: float, kind: str = "soft", shuffle: bool = False):
        self.communicator, self.length, self.kind, self.shuffle = communicator, length, kind, shuffle
        self.request_totals, self._energy, self._calls = False, 0.0, 0

    def evaluate(self, state, outputs=frozenset()) -> None:
        comm = self.communicator
        if self.shuffle:
            self._calls += 1
            owner = np.random.default_rng([self._calls, comm.rank]).integers(0, comm.size, state.count)
            moved = {}
            for name in state.names():
                parts = [np.ascontiguousarray(state[name][owner == rank]) for rank in range(comm.size)]
                moved[name] = np.concatenate(comm.alltoallv(parts))
            state.replace(moved)
        everyone = np.concatenate(comm.allgather(state["position"]))
        names = np.concatenate(comm.allgather(state["id"]))
        order = np.argsort(names)
        everyone, names = everyone[order], names[order]  # one order of additions on any number of ranks
        apart = state["position"][:, None] - everyone[None]
        apart -= np.rint(apart / self.length) * self.length
        r = np.linalg.norm(apart, axis=2)
        itself = state["id"][:, None] == names[None]
        r[itself] = 1e9
        with np.errstate(divide="ignore", invalid="ignore"):
            if self.kind == "soft":
                u, slope = 0.5 * np.maximum(1.0 - r, 0.0) ** 2, -np.maximum(1.0 - r, 0.0)
            else:
                u, slope = 4.0 * (r**-12 - r**-6), 4.0 * (-12.0 * r**-13 + 6.0 * r**-7)
            state["force"] = (-(slope / r)[..., None] * apart).sum(axis=1)
        self._energy = float(comm.sum_reproducible(0.5 * u.sum(axis=1)))

    def totals(self) -> dict:
        assert self.request_totals, "totals are valid only where they were asked for"
        return {"energy": self._energy}

    def describe(self) -> str:
        return "all pairs"
