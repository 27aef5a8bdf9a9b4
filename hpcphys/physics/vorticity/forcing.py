"""Stand-in for the forcing."""

from __future__ import annotations

import numpy as np

from hpcphys.compiler.flows.noise import philox


class BandForcing:
    def __init__(self, grid, wavenumber, width, energy_rate, seed):
        self.grid, self.seed, self.energy_rate = grid, seed, energy_rate
        kx, ky = grid.kx[:, None], grid.ky[None, :]
        k = np.hypot(kx, ky)
        self.ring = (np.abs(k - wavenumber) <= width) & ((kx > 0) | (ky > 0))
        self.weight = (np.broadcast_to(grid.weight, k.shape) + (kx == 0))[self.ring]  # of a mode and its partner
        self.k2 = grid.k2[self.ring]
        full = (self.weight).sum()
        self.amplitude = np.sqrt(self.k2) * np.sqrt(2 * energy_rate / full)
        self.index = np.argwhere(self.ring)
        self.last_energy = self.last_enstrophy = 0.0

    def apply(self, state, dt):
        i, j = self.index.T
        w = state["vorticity"]
        step = state.step
        ids = (self.grid.kx[i] * (1 << 20) + self.grid.ky[j]).astype(np.uint64)
        words = philox((ids, np.uint64(0), np.uint64(step), np.uint64(7)), (self.seed, 0))
        theta = 2 * np.pi * words[0].astype(float) / 2**32
        before = np.abs(w[i, j]) ** 2
        w[i, j] += (np.sqrt(dt) * self.amplitude * np.exp(1j * theta)).astype(w.dtype)
        zero = self.grid.kx[i] == 0
        w[0, -j[zero]] = np.conj(w[0, j[zero]])
        gained = (np.abs(w[i, j]) ** 2 - before) * 0.5 * self.weight
        self.last_energy = float((gained / self.k2).sum())
        self.last_enstrophy = float(gained.sum())
