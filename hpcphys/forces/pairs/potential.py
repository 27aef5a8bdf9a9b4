"""What every pair potential is: numbers for each pair of types, an ending at the cutoff, a kernel."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from hpcphys.kernels import Backend, Module

SHIFTS = {"none": 0, "potential": 1, "force": 2, "switch": 3}
MIXINGS = ("lorentz_berthelot", "geometric", "explicit")


class PairPotential(ABC):
    """E_ab(r) between atoms of types a and b, ended at the cutoff r_c as `shift` says.

    shift: "none"       E(r), cut
           "potential"  E(r) - E(r_c)
           "force"      E(r) - E(r_c) - (r - r_c) E'(r_c)
           "switch"     E(r) S(r²) with S from 1 at switch_from to 0 at r_c, its derivative continuous
                        (Brooks et al. 1983, J. Comput. Chem. 4, 187)
    Subclasses give `curve` (the bare E and -E'), `rows` (the kernel's numbers) and `struct` (its name there).
    """

    struct: ClassVar[str]
    data: np.ndarray | None = None
    text: str = ""

    def __init__(self, types: int, shift: str = "none", switch_from: float | None = None):
        """Raises ValueError for an unknown shift, or a switch without a distance where it begins."""
        if shift not in SHIFTS:
            raise ValueError(f"shift '{shift}' is unknown; choose {', '.join(SHIFTS)}")
        if (shift == "switch") != (switch_from is not None):
            raise ValueError(
                f"shift '{shift}' with switch_from = {switch_from}: give switch_from, the distance where the "
                "switch begins, with shift 'switch' and with no other"
            )
        self.types, self.shift, self.switch_from = types, shift, switch_from

    @abstractmethod
    def curve(self, r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """E(r) and -E'(r) for every pair of types, without an end: both (types, types, *r.shape)."""

    @abstractmethod
    def rows(self) -> list[np.ndarray]:
        """The kernel's numbers, each (types, types)."""

    def describe(self) -> str:
        """For `explain`."""
        end = {"none": "truncated", "potential": "shifted to zero", "force": "force shifted to zero"}
        return f"{type(self).__name__}, {end.get(self.shift, f'switched from {self.switch_from} on')}"

    def tail(self, cutoff: float) -> tuple[np.ndarray, np.ndarray]:
        """∫ 4π r² E dr and ∫ 4π r² (-r E') dr beyond the cutoff, each (types, types): none unless known."""
        none = np.zeros((self.types, self.types))
        return none, none

    def ended_curve(self, r: np.ndarray, cutoff: float) -> tuple[np.ndarray, np.ndarray]:
        """E and -E' as the kernel has them, with `shift` and the cutoff, by NumPy."""
        r = np.asarray(r, dtype=np.float64)
        energy, force = self.curve(r)
        end_energy, end_force = (x[..., None] for x in self._ends(cutoff))
        flat_e, flat_f, flat_r = (
            energy.reshape(*energy.shape[:2], -1),
            force.reshape(*force.shape[:2], -1),
            r.ravel(),
        )
        if self.shift == "potential":
            flat_e = flat_e - end_energy
        elif self.shift == "force":
            flat_e = flat_e - end_energy + (flat_r - cutoff) * end_force
            flat_f = flat_f - end_force
        elif self.shift == "switch":
            over = 1 / (cutoff**2 - self.switch_from**2)
            t = np.maximum((flat_r**2 - self.switch_from**2) * over, 0.0)
            weight, slope = 1 - t * t * (3 - 2 * t), -6 * t * (1 - t) * over * 2 * flat_r
            flat_e, flat_f = flat_e * weight, flat_f * weight - flat_e * slope
        inside = flat_r < cutoff
        return (
            np.where(inside, flat_e, 0.0).reshape(energy.shape),
            np.where(inside, flat_f, 0.0).reshape(force.shape),
        )

    def table(self, cutoff: float) -> np.ndarray:
        """(numbers, types, types): the kernel's rows, then E(r_c) and -E'(r_c)."""
        if self.shift == "switch" and not 0 < self.switch_from < cutoff:
            raise ValueError(
                f"switch_from = {self.switch_from}: must lie between 0 and the cutoff {cutoff:g}"
            )
        table = np.array([*self.rows(), *self._ends(cutoff)], dtype=np.float64)
        if not np.isfinite(table).all():
            raise ValueError(f"{type(self).__name__}: its parameters give numbers that are not finite")
        return table

    def module(self, backend: Backend, real: str, fixed: bool) -> Module:
        """The kernels of this potential: REAL real; fixed: sums in fixed point."""
        defines: dict[str, Any] = {
            "REAL": real, "POTENTIAL": self.struct, "SHIFT": SHIFTS[self.shift], "FIXED": fixed,
            "TYPES": self.types > 1,
        }  # fmt: skip
        if self.text:
            return backend.generated("pair_field_stated", self.text, **defines)
        return backend.module("pair_field", **defines)

    def characteristic(self, cutoff: float) -> tuple[float, float]:
        """Sizes of energy and force between 0.36 and 1 cutoffs: the scale of fixed-point sums."""
        energy, force = self.curve(np.linspace(0.36, 1.0, 65) * cutoff)
        energy, force = energy[np.isfinite(energy)], force[np.isfinite(force)]
        size = float(np.abs(force).max(initial=0.0))
        return max(float(np.abs(energy).max(initial=0.0)), size * cutoff, 1e-300), max(size, 1e-300)

    def _ends(self, cutoff: float) -> tuple[np.ndarray, np.ndarray]:
        energy, force = self.curve(np.array([cutoff]))
        return energy[..., 0], force[..., 0]


def per_pair(name: str, values: Any, types: int) -> np.ndarray:
    """(types, types) of a number, or a symmetric matrix.  Raises ValueError."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim == 0:
        array = np.full((types, types), float(array))
    if array.shape != (types, types) or not np.array_equal(array, array.T):
        raise ValueError(
            f"{name}: a number or a symmetric {types} x {types} matrix is needed, found {values!r}"
        )
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: must be finite, found {values!r}")
    return array


def type_count(*values: Any) -> int:
    """The number of types that numbers (one), sequences or matrices stand for."""
    return max((np.asarray(v).shape[0] if np.ndim(v) else 1) for v in values)


def mixed(epsilon: float | Sequence, sigma: float | Sequence, mixing: str) -> tuple[np.ndarray, np.ndarray]:
    """ε_ab and σ_ab, each (types, types), from values per type, or as they are given ("explicit").

    lorentz_berthelot: σ_ab = (σ_a + σ_b)/2, ε_ab = √(ε_a ε_b);  geometric: σ_ab = √(σ_a σ_b), ε likewise
    (Lorentz 1881; Berthelot 1898; Good & Hope 1970).
    """
    if mixing not in MIXINGS:
        raise ValueError(f"mixing '{mixing}' is unknown; choose {', '.join(MIXINGS)}")
    types = type_count(epsilon, sigma)
    if mixing == "explicit":
        pair_e, pair_s = per_pair("epsilon", epsilon, types), per_pair("sigma", sigma, types)
    else:
        e = np.broadcast_to(np.asarray(epsilon, dtype=np.float64), types)
        s = np.broadcast_to(np.asarray(sigma, dtype=np.float64), types)
        if e.ndim != 1 or s.ndim != 1:
            raise ValueError(
                "epsilon and sigma: one value per type is mixed; matrices need mixing='explicit'"
            )
        pair_e = np.sqrt(e[:, None] * e)
        pair_s = (s[:, None] + s) / 2 if mixing == "lorentz_berthelot" else np.sqrt(s[:, None] * s)
    if (pair_s <= 0).any() or (pair_e < 0).any() or not (np.isfinite(pair_e) & np.isfinite(pair_s)).all():
        raise ValueError(f"epsilon must not be negative and sigma positive; found {epsilon!r} and {sigma!r}")
    return pair_e, pair_s


def lennard_jones_rows(epsilon: np.ndarray, sigma: np.ndarray) -> list[np.ndarray]:
    """48 ε σ¹², 24 ε σ⁶, 4 ε σ¹², 4 ε σ⁶."""
    return [
        48 * epsilon * sigma**12,
        24 * epsilon * sigma**6,
        4 * epsilon * sigma**12,
        4 * epsilon * sigma**6,
    ]


def lennard_jones_tail(
    epsilon: np.ndarray, sigma: np.ndarray, cutoff: float
) -> tuple[np.ndarray, np.ndarray]:
    """The two integrals of `tail` for 12-6 (Allen & Tildesley 2017, eqs. 2.144 and 2.145)."""
    twelve, six = sigma**12 / (9 * cutoff**9), sigma**6 / (3 * cutoff**3)
    return 16 * math.pi * epsilon * (twelve - six), 16 * math.pi * epsilon * (12 * twelve - 6 * six)
