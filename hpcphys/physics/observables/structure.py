"""The static structure factor on the wavevectors of the box itself."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from hpcphys.decomposition.communicator import Communicator
from hpcphys.physics.observables.displacement import types_of
from hpcphys.physics.observables.geometry import fractional, periodic_box
from hpcphys.physics.observables.saved import Saved, require_same
from hpcphys.physics.observables.segments import Segments

PIECE = 64  # atoms that a kernel works on at a time


@dataclass(frozen=True)
class Structure:
    """wavenumber (shells,): mean |k| of the shell's vectors;  value, error: S(k) (shells,);
    vectors (shells,): number of pairs ±k behind each
    """

    wavenumber: np.ndarray
    value: np.ndarray
    error: np.ndarray
    vectors: np.ndarray


class StructureFactor:
    """S_ab(k) = ⟨Re ρ_a(k) ρ_b(k)*⟩/√(N_a N_b), ρ_a(k) = Σ_{j of type a} e^{-i k·r_j}; all atoms as one kind:
    S(k) = ⟨|ρ(k)|²⟩/N.

    k = 2π h·(B⁻¹)ᵀ with integers h ≠ 0, one of each pair ±k, |k| ≤ k_max, averaged in shells of |k|.  The
    sums are exact (terms rounded to 2⁻⁵⁰ N): the result does not depend on the number of ranks or threads.
    Where the box changes, h stays and k follows.
    Source: Hansen & McDonald (2013), Theory of Simple Liquids, 4th ed., eq. 4.1.3; of types: Ashcroft &
    Langreth (1967), Phys. Rev. 156, 685.
    """

    def __init__(
        self, backend: Any, communicator: Communicator, box, *, k_max: float, shells: int = 100,
        types: int = 1, most: int = 200,
    ):  # fmt: skip
        """box: vectors (3, 3), periodic;  k_max: largest |k| [1/length];  shells: of equal width
        most: vectors per shell; a shell with more is thinned evenly, so that the work is bounded

        Raises ValueError when no wavevector of the box is so short, or the box is open.
        """
        vectors, widths = periodic_box(box)
        if k_max < 2.0 * math.pi / widths.max() or shells < 1 or most < 1 or types < 1:
            raise ValueError(
                f"k_max {k_max:g}, shells {shells}, most {most}, types {types}: the shortest "
                f"wavevector of the box is {2.0 * math.pi / widths.max():g}, and at least one shell, vector "
                f"and type are needed"
            )
        self.backend, self.communicator = backend, communicator
        self.k_max, self.shells, self.types, self.most = float(k_max), int(shells), int(types), int(most)
        self.integers, self.shell = _wavevectors(vectors, widths, self.k_max, self.shells, self.most)
        first, second = np.triu_indices(types)
        self.pairs = list(zip(first.tolist(), second.tolist(), strict=True))
        self._module = backend.module("structure_factor", REAL="double")
        self.segments = Segments(
            {"pairs": (len(self.pairs), shells), "whole": (shells,), "length": (shells,), "samples": ()}
        )
        self.numbers = np.zeros(types, np.int64)
        self._filled = np.bincount(self.shell, minlength=shells)

    def sample(self, state, box) -> None:
        """Add one sample.  state: position (n, 3) on the backend, perhaps type;  box.  Collective.

        Raises ValueError when the numbers of atoms have changed.
        """
        vectors, _ = periodic_box(box)
        kind = np.asarray(self.backend.host(types_of(state)))
        numbers = self.communicator.allreduce(np.bincount(kind, minlength=self.types))
        if len(numbers) > self.types or (self.segments.samples and (numbers != self.numbers).any()):
            raise ValueError(
                f"types have {numbers.tolist()} atoms; there were {self.types} types with "
                f"{self.numbers.tolist()} atoms: begin a new structure factor"
            )
        self.numbers = numbers
        place = fractional(self.backend.host(state["position"]), vectors, box.origin)
        modes = np.stack([self._modes(place[kind == k]) for k in range(self.types)])
        modes = self.communicator.allreduce(modes)
        rho = modes[..., 0] + 1j * modes[..., 1]
        scale = np.sqrt(np.maximum(numbers, 1).astype(np.float64))
        products = [(rho[a] * rho[b].conj()).real / (scale[a] * scale[b]) for a, b in self.pairs]
        whole = np.abs(rho.sum(axis=0)) ** 2 / max(int(numbers.sum()), 1)
        length = np.linalg.norm(wavevectors(self.integers, vectors), axis=1)
        self.segments.add(
            pairs=np.stack([self._in_shells(values) for values in products]),
            whole=self._in_shells(whole), length=self._in_shells(length), samples=1.0,
        )  # fmt: skip

    def _modes(self, place: np.ndarray) -> np.ndarray:
        """(vectors, 2): Re and Im of ρ(k) over these atoms of this rank."""
        be, count = self.backend, len(place)
        modes = be.zeros((len(self.integers), 2))
        if count == 0:
            return be.host(modes)
        padded = -(-count // PIECE) * PIECE
        rows, weight = np.zeros((3, padded)), np.zeros(padded)
        rows[:, :count], weight[:count] = place.T, 1.0
        # Multiples of 2⁻⁵⁰N' (N' ≥ N a power of two) sum exactly as long as the sum is below N'.
        total = 2.0 ** math.ceil(math.log2(max(int(self.numbers.sum()), 2)))
        anchor = 1.5 * 2.0**52 * (total * 2.0**-50)
        self._module.launch(
            "density_modes", len(self.integers), be.array(self.integers), padded, be.array(rows),
            be.array(weight), anchor, modes,
        )  # fmt: skip
        return be.host(modes)

    def _in_shells(self, values: np.ndarray) -> np.ndarray:
        return np.bincount(self.shell, weights=values, minlength=self.shells)

    def result(self, first: int | None = None, second: int | None = None) -> Structure:
        """S(k) of all atoms, or S_ab(k) of two types; shells without a wavevector are left out.

        Raises ValueError before the first sample or for an unknown type.
        """
        if self.segments.samples == 0:
            raise ValueError("the structure factor has no sample yet")
        chosen = self._filled > 0
        filled = self._filled[chosen]
        if first is None:
            measured = self.segments.measured(lambda t: t["whole"][chosen] / (t["samples"] * filled))
        else:
            pair = (min(first, second if second is not None else first), max(first, second or 0))
            if pair not in self.pairs:
                raise ValueError(f"types {first}, {second}: there are 0 … {self.types - 1}")
            row = self.pairs.index(pair)
            measured = self.segments.measured(lambda t: t["pairs"][row, chosen] / (t["samples"] * filled))
        totals = self.segments.totals()
        wavenumber = totals["length"][chosen] / (totals["samples"] * filled)
        return Structure(wavenumber, measured.value, measured.error, filled)

    def saved(self) -> Saved:
        """All that it remembers."""
        numbers = {
            "kind": "structure factor", "k_max": self.k_max, "shells": self.shells, "types": self.types,
            "most": self.most,
        }  # fmt: skip
        return Saved(
            numbers,
            {
                **self.segments.arrays(), "numbers": self.numbers, "integers": self.integers,
                "shell": self.shell,
            },
        )  # fmt: skip

    def restore(self, saved: Saved) -> None:
        """Go on from what `saved` gave, with the wavevectors chosen then."""
        require_same(
            "structure factor", saved.numbers, k_max=self.k_max, shells=self.shells, types=self.types,
            most=self.most,
        )  # fmt: skip
        self.segments.restore(saved.arrays)
        self.numbers, self.integers, self.shell = (
            np.array(saved.arrays[name]) for name in ("numbers", "integers", "shell")
        )
        self._filled = np.bincount(self.shell, minlength=self.shells)


def wavevectors(integers: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """k = 2π h·(B⁻¹)ᵀ: (n, 3), so that k·a = 2π h_x and so on."""
    return 2.0 * math.pi * integers @ np.linalg.inv(vectors).T


def _wavevectors(vectors, widths, k_max, shells, most) -> tuple[np.ndarray, np.ndarray]:
    """Integers h (n, 3) int32 with 0 < |k| ≤ k_max, one of ±h, thinned to `most` per shell; their shells.

    Made plane by plane in h_x, so that memory is that of one plane and of what is kept.
    """
    # h = B k/2π has |h_a| ≤ |a| |k|/2π.
    bounds = (np.linalg.norm(vectors, axis=1) * k_max / (2.0 * math.pi) + 1e-9).astype(int)
    counts = np.zeros(shells, np.int64)
    for _, shell in _planes(vectors, bounds, k_max, shells):
        counts += np.bincount(shell, minlength=shells)
    passed = np.zeros(shells, np.int64)
    kept, numbers = [], []
    for plane, shell in _planes(vectors, bounds, k_max, shells):
        order = np.argsort(shell, kind="stable")
        sizes = np.bincount(shell, minlength=shells)
        within = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        number, place = shell[order], passed[shell[order]] + within
        total = np.maximum(counts[number], 1)
        # Of `total` vectors keep those where ⌊place·most/total⌋ steps up: evenly spread.
        keep = (total <= most) | ((place + 1) * most // total > place * most // total)
        kept.append(plane[order][keep])
        numbers.append(number[keep])
        passed += sizes
    return np.concatenate(kept).astype(np.int32), np.concatenate(numbers)


def _planes(vectors, bounds, k_max, shells):
    """(h (n, 3), shell (n,)) for each h_x ≥ 0 in turn, one of ±h."""
    hy, hz = (a.ravel() for a in np.meshgrid(*(np.arange(-b, b + 1) for b in bounds[1:]), indexing="ij"))
    for hx in range(bounds[0] + 1):
        half = np.ones(hy.size, bool) if hx else (hy > 0) | ((hy == 0) & (hz > 0))
        plane = np.stack((np.full(hy.size, hx), hy, hz), axis=1)[half]
        length = np.linalg.norm(wavevectors(plane, vectors), axis=1)
        inside = length <= k_max * (1.0 + 1e-12)
        shell = np.minimum((length[inside] / k_max * shells).astype(np.int64), shells - 1)
        yield plane[inside], shell
