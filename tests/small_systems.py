"""Small systems in NumPy for tests of the compiler: a direct sum, Kepler orbits, a pair of pendula."""

from __future__ import annotations

from typing import Any

import numpy as np

from hpcphys.compiler.pieces import Piece
from hpcphys.compiler.program import Program, compile_structure
from hpcphys.compiler.state import State
from hpcphys.compiler.structures import CanonicalStructure
from hpcphys.compiler.system import PhysicalSystem
from hpcphys.physics.gravity import gravity


class NumpyBackend:
    """The kernels that pieces launch, as NumPy."""

    def module(self, name: str) -> NumpyBackend:
        assert name == "particles"
        return self

    def launch(self, kernel: str, n: int, y: Any, x: Any, a: float) -> None:
        assert kernel == {"float64": "axpy64", "float32": "axpy32"}[str(x.dtype)]
        assert n == y.size
        y += a * x.astype(y.dtype)

    def host(self, array: Any) -> Any:
        return array


class NumpyLayout:
    """Re-orders the rows at every exchange, as a migration would."""

    def __init__(self, reorder: bool = True):
        self.exchanges = 0
        self.reorder = reorder

    def exchange(self, state: State) -> None:
        self.exchanges += 1
        if self.reorder:
            order = np.roll(np.arange(state.count), 1)
            state.replace({name: np.ascontiguousarray(state[name][order]) for name in state.names()})

    def describe(self) -> str:
        return "rolls the rows by one"


class NumpyGravity:
    """Direct sum with Plummer softening; counts its evaluations and keeps the outputs asked for."""

    name = "gravity"
    reads = frozenset({"position", "mass"})
    writes = frozenset({"acceleration", "work"})
    optional = frozenset({"potential"})

    def __init__(self, softening: float = 0.0, layout: Any = None):
        self.softening = softening
        self.layout = layout
        self.asked: list[frozenset[str]] = []

    def evaluate(self, state: State, outputs: frozenset[str] = frozenset()) -> None:
        self.asked.append(frozenset(outputs))
        position, mass = state["position"], state["mass"]
        separation = position[None, :, :] - position[:, None, :]
        squared = (separation**2).sum(axis=2) + self.softening**2
        np.fill_diagonal(squared, np.inf)
        inverse = squared**-0.5
        state["acceleration"] = np.einsum("ijk,ij,j->ik", separation, inverse**3, mass)
        state["work"] = np.full(state.count, state.count, dtype=np.float32)
        if "potential" in outputs:
            state["potential"] = -(inverse * mass).sum(axis=1)

    def describe(self) -> str:
        return "direct sum in NumPy"


def particles(position: Any, velocity: Any, mass: Any) -> State:
    position = np.array(position, dtype=float)
    return State(
        {
            "position": position,
            "velocity": np.array(velocity, dtype=float),
            "mass": np.array(mass, dtype=float),
            "id": np.arange(len(position)),
        }
    )


def kepler_state(eccentricity: float) -> State:
    """Two bodies of masses 0.7 and 0.3 at apocentre; semi-major axis 1, G M = 1, period 2 pi, E = -0.105."""
    distance = 1.0 + eccentricity
    speed = np.sqrt((1.0 - eccentricity) / (1.0 + eccentricity))
    share = np.array([0.3, -0.7])[:, None]
    return particles(share * [distance, 0.0, 0.0], share * [0.0, speed, 0.0], [0.7, 0.3])


def kepler_separation(time: float, eccentricity: float) -> np.ndarray:
    """Separation of the orbit of `kepler_state`, by Kepler's equation: M = E - e sin E, M = pi + t."""
    mean = np.pi + time
    anomaly = mean
    for _ in range(60):
        anomaly -= (anomaly - eccentricity * np.sin(anomaly) - mean) / (1.0 - eccentricity * np.cos(anomaly))
    minor = np.sqrt(1.0 - eccentricity**2)
    # The orbit's pericentre lies on the negative x axis.
    return -np.array([np.cos(anomaly) - eccentricity, minor * np.sin(anomaly), 0.0])


def cluster(count: int, seed: int = 3, virial_ratio: float = 1.0) -> State:
    """A small cluster of unequal masses in a ball, centre of mass at rest."""
    rng = np.random.default_rng(seed)
    mass = rng.uniform(0.5, 1.5, count)
    mass /= mass.sum()
    position, velocity = rng.standard_normal((2, count, 3))
    for array in (position, velocity):
        array -= mass @ array
    velocity *= np.sqrt(virial_ratio * 0.3)
    return particles(position, velocity, mass)


def program_of(state: State, composition: str = "leapfrog", *, field: Any = None, **options: Any) -> Program:
    return compile_structure(gravity(state, field or NumpyGravity(), NumpyBackend()), composition, **options)


def energy(state: State, softening: float = 0.0) -> float:
    copy = State({name: state[name].copy() for name in ("position", "velocity", "mass")})
    NumpyGravity(softening).evaluate(copy, frozenset({"potential"}))
    kinetic = 0.5 * float(copy["mass"] @ (copy["velocity"] ** 2).sum(axis=1))
    return kinetic + 0.5 * float(copy["mass"] @ copy["potential"])


def pendula_system(position: float = 1.2, velocity: float = 0.4, dtype: Any = float) -> PhysicalSystem:
    """H = -cos p - cos q: separable, with a kinetic energy that is not quadratic."""

    def flow_drift(state: State, dt: float) -> None:
        state["position"] += dt * np.sin(state["velocity"])

    def flow_kick(state: State, dt: float) -> None:
        state["velocity"] -= dt * np.sin(state["position"])

    state = State(
        {
            "position": np.array([[position]], dtype=dtype),
            "velocity": np.array([[velocity]], dtype=dtype),
            "mass": np.array([1.0]),
        }
    )
    both = frozenset({"position", "velocity"})
    pieces = (
        Piece("drift", "dq/dt = sin p", both, frozenset({"position"}), flow_drift, role="A"),
        Piece("kick", "dp/dt = -sin q", both, frozenset({"velocity"}), flow_kick, role="B"),
    )
    return PhysicalSystem(state, pieces, CanonicalStructure())


def three_piece_system(dtype: Any = np.longdouble) -> PhysicalSystem:
    """H = (p² - 2 cos q)/2 + (q² + p²)/4 in three pieces: drift, kick, rotation; no two of them commute."""
    system = pendula_system(1.2, 0.4, dtype)

    def flow_drift(state: State, dt: float) -> None:
        state["position"] += dt * state["velocity"]

    def flow_rotation(state: State, dt: float) -> None:
        q, p = state["position"].copy(), state["velocity"].copy()
        cosine, sine = np.cos(dtype(dt) / 2), np.sin(dtype(dt) / 2)
        state["position"], state["velocity"] = cosine * q + sine * p, cosine * p - sine * q

    both = frozenset({"position", "velocity"})
    pieces = (
        Piece("drift", "dq/dt = p", both, frozenset({"position"}), flow_drift),
        system.pieces[1],
        Piece("rotation", "dq/dt = p/2, dp/dt = -q/2", both, both, flow_rotation),
    )
    return PhysicalSystem(system.state, pieces, CanonicalStructure())
