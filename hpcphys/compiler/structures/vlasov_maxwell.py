"""The bracket of Vlasov and Maxwell for macro-particles and fields on a periodic Yee grid."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from hpcphys.compiler.state import State
from hpcphys.compiler.structures.base import Arrays, Casimir, Structure

PARTICLES, FIELDS = ("position", "momentum"), ("E", "B")


class VlasovMaxwellStructure(Structure):
    """dx/dt = (∂H/∂u)/(w m),  du/dt = -(∂H/∂x)/(w m) + q/(w m²) ∂H/∂u × B(x) + q/(m ε0 V) Σ S ∂H/∂E,
    dE/dt = (∇× ∂H/∂B - Σ q/m S ∂H/∂u)/(ε0 V),  dB/dt = -(∇× ∂H/∂E)/(ε0 V).

    u = γv; V is the volume of a cell; S are products of B-splines: of degree `order` along an axis where a
    component lies on the nodes, one lower where it lies between them.  These splines and the differences of
    the Yee grid commute with the derivatives, so that this is a Poisson structure as it stands, not in a
    limit: antisymmetric, Jacobi's identity where ∇·B = 0, and two families of Casimirs: ∇·B in every cell
    and Gauss's law ε0 ∇·E - ρ on every node.  For H = Σ w m c²(γ - 1) + V/2 Σ (ε0 E² + B²/μ0) it is the
    motion of particle-in-cell codes with a gather that conserves energy.

    Arrays: position (n, D), momentum (n, 3), E and B (3, *shape), on Yee's grid (physics.plasma.staggering).
    shape, spacing: of the grid, D = 1, 2, 3;  charge, mass, weight: of each particle, numbers or (n,)
    Casimirs are checked with functions φ of their own, which are random but always the same.
    Source: Morrison (1980) Phys. Lett. A 80, 383; Marsden & Weinstein (1982) Physica D 4, 394; discrete:
    Kraus, Kormann, Morrison & Sonnendrücker (2017) J. Plasma Phys. 83, 905830401, section 4.
    """

    name = "vlasov_maxwell"
    equation = "dF/dt = {F, H}:  Lorentz force, Faraday's and Ampère's law, J = Σ q w v S"

    def __init__(
        self, shape: Sequence[int] = (), spacing: Sequence[float] = (), charge: Any = 1.0, mass: Any = 1.0,
        weight: Any = 1.0, *, permittivity: float = 1.0, order: int = 1,
    ):  # fmt: skip
        self.shape, self.spacing = tuple(shape), tuple(float(d) for d in spacing)
        self.charge, self.mass, self.weight = (np.asarray(x, dtype=float) for x in (charge, mass, weight))
        self.order = order
        self.stiffness = permittivity * math.prod(self.spacing)
        self.casimirs = (
            Casimir("Gauss's law", self._gauss_gradient),
            Casimir("divergence of B", self._divergence_gradient),
        )

    def bracket(self, z: Arrays, gradient: Arrays) -> dict[str, Any]:
        """dz/dt for a gradient with all four arrays; those that it lacks count as zero."""
        full = {
            name: np.asarray(gradient.get(name, np.zeros_like(z[name]))) for name in (*PARTICLES, *FIELDS)
        }
        per_mass = self._column(1.0 / (self.weight * self.mass))
        coupling = self._column(self.charge / self.mass)
        velocity = per_mass * full["momentum"]
        dimension, x = len(self.shape), z["position"]
        magnetic = np.stack([self._gathered(z["B"], "B", c, x) for c in range(3)], axis=1)
        electric = np.stack([self._gathered(full["E"], "E", c, x) for c in range(3)], axis=1)
        force = np.zeros_like(full["momentum"])
        force[:, :dimension] = -per_mass * full["position"]
        force += coupling * (np.cross(velocity, magnetic) + electric / self.stiffness)
        pushed = coupling * full["momentum"]
        current = np.stack([self._spread(pushed[:, c], "E", c, x) for c in range(3)])
        return {
            "position": velocity[:, :dimension],
            "momentum": force,
            "E": (self._curl(full["B"], back=True) - current) / self.stiffness,
            "B": -self._curl(full["E"], back=False) / self.stiffness,
        }

    def reverse(self, state: State) -> None:
        """u <- -u, B <- -B, as far as the state holds them."""
        for name in ("momentum", "B"):
            if name in state:
                state[name] *= -1.0

    def divergence(self, B: np.ndarray) -> np.ndarray:
        """∇·B in the cells: what a start has to make zero."""
        return sum(
            (np.roll(B[a], -1, a) - B[a]) / d for a, d in enumerate(self.spacing)
        )  # fmt: skip

    def gauss(self, z: Arrays) -> np.ndarray:
        """(ε0 ∇·E - ρ) V on the nodes."""
        found = -self._spread(
            np.broadcast_to(self.charge * self.weight, len(z["position"])), "", 0, z["position"]
        )
        for axis, d in enumerate(self.spacing):
            found += self.stiffness * (z["E"][axis] - np.roll(z["E"][axis], 1, axis)) / d
        return found

    def _gauss_gradient(self, z: Arrays) -> dict[str, np.ndarray]:
        """Of Σ φ (ε0 ∇·E - ρ) V."""
        phi = np.random.default_rng(3).standard_normal(self.shape)
        slopes = np.stack([(np.roll(phi, -1, a) - phi) / d for a, d in enumerate(self.spacing)])
        padded = np.concatenate([slopes, np.zeros((3 - len(self.shape), *self.shape))])
        pull = [self._gathered(padded, "E", a, z["position"]) for a in range(len(self.shape))]
        strength = self._column(self.charge * self.weight)
        return {
            "position": -strength * np.stack(pull, axis=1), "momentum": np.zeros_like(z["momentum"]),
            "E": -self.stiffness * padded, "B": np.zeros_like(z["B"]),
        }  # fmt: skip

    def _divergence_gradient(self, z: Arrays) -> dict[str, np.ndarray]:
        """Of Σ φ ∇·B."""
        phi = np.random.default_rng(4).standard_normal(self.shape)
        slopes = [-(phi - np.roll(phi, 1, a)) / d for a, d in enumerate(self.spacing)]
        slopes += [np.zeros(self.shape)] * (3 - len(self.shape))
        return {name: np.zeros_like(z[name]) for name in (*PARTICLES, "E")} | {"B": np.stack(slopes)}

    def _curl(self, field: np.ndarray, back: bool) -> np.ndarray:
        """∇× from E's places to B's by forward differences, or back by backward ones: its transpose."""
        found = np.zeros_like(field, dtype=float)
        for a, d in enumerate(self.spacing):
            b, c = (a + 1) % 3, (a + 2) % 3

            def slope(values: np.ndarray, axis: int = a, width: float = d) -> np.ndarray:
                ahead = values - np.roll(values, 1, axis) if back else np.roll(values, -1, axis) - values
                return ahead / width

            found[c] += slope(field[b])
            found[b] -= slope(field[c])
        return found

    def _column(self, values: Any) -> np.ndarray:
        return np.asarray(values, dtype=float).reshape(-1, 1)

    def _stencil(self, field: str, component: int, x: np.ndarray) -> Any:
        """(indices, weights) of each point of the stencil: the splines at particles."""
        along = []
        for axis, (n, d) in enumerate(zip(self.shape, self.spacing, strict=True)):
            between = bool(field) and (axis == component) == (field == "E")
            along.append(_spline(x[:, axis] / d - 0.5 * between, self.order - between, n))
        for chosen in itertools.product(*along):
            yield tuple(index for index, _ in chosen), math.prod(weight for _, weight in chosen)

    def _gathered(self, values: np.ndarray, field: str, component: int, x: np.ndarray) -> np.ndarray:
        own = values[component]
        return sum(weight * own[index] for index, weight in self._stencil(field, component, x))

    def _spread(self, amounts: Any, field: str, component: int, x: np.ndarray) -> np.ndarray:
        found = np.zeros(self.shape)
        for index, weight in self._stencil(field, component, x):
            np.add.at(found, index, weight * amounts)
        return found


def _spline(x: np.ndarray, degree: int, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """(index, value) of the B-splines of this degree, centred at the integers, that are not zero at x.

    Source: de Boor (1978), A Practical Guide to Splines, chapter IX: the recursion of Cox and de Boor.
    """
    first = np.floor(x - 0.5 * (degree - 1)).astype(int)
    # Place in the interval between knots that x is in; splines begin (degree + 1)/2 before their centre.
    t = x - 0.5 * (degree - 1) - first
    values = [np.ones_like(x)]
    for k in range(1, degree + 1):
        lower = [np.zeros_like(x), *values]
        upper = [*values, np.zeros_like(x)]
        values = [
            ((t + k - j) * low + (1.0 + j - t) * high) / k
            for j, (low, high) in enumerate(zip(lower, upper, strict=True))
        ]
    return [((first + j) % count, value) for j, value in enumerate(values)]
