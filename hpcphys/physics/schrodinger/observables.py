"""What is measured of a wavefunction: sums over the points of all ranks, row by row, nothing gathered.

All functions are collective and bring the state to positions first. ħ = 1; integrals are sums over points
times the volume element, exact for functions that the grid resolves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hpcphys.compiler.state import State
from hpcphys.compiler.structures.wavefunction import WAVEFUNCTION
from hpcphys.physics.schrodinger.engine import SplitOperator
from hpcphys.physics.schrodinger.grid import AXES

BLOCK = 1 << 16
"""Points that are worked on at once."""


@dataclass(frozen=True)
class Energy:
    """Parts of <H>, not divided by the norm: kinetic <(p - qA)²>/2m, potential <V>, interaction g/2 ∫|ψ|⁴."""

    kinetic: float
    potential: float
    interaction: float

    @property
    def total(self) -> float:
        """The energy, which H conserves."""
        return self.kinetic + self.potential + self.interaction


def norm(state: State, engine: SplitOperator) -> float:
    """∫|ψ|²."""
    return probability(state, engine, {})


def probability(state: State, engine: SplitOperator, region: Mapping[str, tuple[float, float]]) -> float:
    """∫|ψ|² over the points with lower ≤ x_j < upper for each axis that `region` names [length].

    region: {"x": (0.0, 10.0)} is what has gone beyond x = 0; {} is all.  Raises ValueError for another axis.
    """
    grid = engine.grid
    inside = [np.ones(len(x)) for x in grid.axes]
    for label, (lower, upper) in region.items():
        axis = axis_of(engine, label)
        inside[axis] = ((grid.axes[axis] >= lower) & (grid.axes[axis] < upper)).astype(float)
    total = 0.0
    for rows, psi in _blocks(state, engine):
        density = _density(psi) * grid.along(0, inside[0][rows])
        for axis in range(1, grid.dimension):
            density = density * grid.along(axis, inside[axis])
        total += float(density.sum())
    return _sum(engine, total) * grid.volume_element


def position(state: State, engine: SplitOperator) -> tuple[np.ndarray, np.ndarray]:
    """(<x_j>, <x_j²> - <x_j>²) per axis, of the state divided by its norm [length], [length²]."""
    grid = engine.grid
    sums = np.zeros((2 * grid.dimension) + 1)
    for rows, psi in _blocks(state, engine):
        density = _density(psi)
        sums[-1] += density.sum()
        for axis, x in enumerate(grid.axes):
            others = tuple(a for a in range(grid.dimension) if a != axis)
            marginal = density.sum(axis=others)
            x = x[rows] if axis == 0 else x
            sums[2 * axis : 2 * axis + 2] += marginal @ x, marginal @ (x * x)
    sums = np.asarray(_sum(engine, sums))
    mean, square = sums[0:-1:2] / sums[-1], sums[1:-1:2] / sums[-1]
    return mean, square - mean**2


def momentum(state: State, engine: SplitOperator) -> tuple[np.ndarray, np.ndarray]:
    """(<p_j>, <p_j²> - <p_j>²) per axis of the canonical momentum, of the state divided by its norm."""
    means, variances = [], []
    for axis, k in enumerate(engine.grid.derivative_wavenumbers):
        density = momentum_density(state, engine, axis)
        total = density.sum()
        mean = density @ k / total
        means.append(mean)
        variances.append(density @ engine.grid.wavenumbers[axis] ** 2 / total - mean**2)
    return np.array(means), np.array(variances)


def momentum_density(state: State, engine: SplitOperator, axis: int) -> np.ndarray:
    """(n,) share of the norm at each wavenumber of one axis, in the order of grid.wavenumbers."""
    grid = engine.grid
    total = np.zeros(grid.points[axis])
    for waves, _ in _spectra(state, engine, axis):
        others = tuple(a for a in range(waves.ndim) if a != axis)
        total += _density(waves).sum(axis=others)
    return np.asarray(_sum(engine, total)) * grid.volume_element / grid.points[axis]


def energy(state: State, engine: SplitOperator) -> Energy:
    """The parts of <H> at the time of the state; a real absorber's -iW is no part of it."""
    grid, field = engine.grid, engine.potential_function
    sums = np.zeros(2)
    values = None if field is None else field.values(engine.clock(state))
    for rows, psi in _blocks(state, engine):
        density = _density(psi)
        sums += (
            0.0 if values is None else float((density * values[rows]).sum()),
            0.5 * engine.strength * float((density * density).sum()),
        )
    potential, interaction = np.asarray(_sum(engine, sums)) * grid.volume_element
    return Energy(_kinetic(state, engine), float(potential), float(interaction))


def chemical_potential(state: State, engine: SplitOperator) -> float:
    """μ = <p²/2m + V + g|ψ|²>/<ψ|ψ>: of a condensate the eigenvalue of the Gross-Pitaevskii equation."""
    parts = energy(state, engine)
    return (parts.kinetic + parts.potential + 2.0 * parts.interaction) / norm(state, engine)


def overlap(state: State, other: Any, engine: SplitOperator) -> complex:
    """<other|ψ>; other: this rank's part of a wavefunction on the same grid, or a state with one."""
    partner = other[WAVEFUNCTION] if isinstance(other, State) else other
    partner = engine.backend.host(partner)
    total = 0.0 + 0.0j
    for rows, psi in _blocks(state, engine):
        total += complex(np.vdot(partner[rows].astype(complex, copy=False), psi))
    real, imaginary = _sum(engine, np.array([total.real, total.imag]))
    return complex(real, imaginary) * engine.grid.volume_element


def axis_of(engine: SplitOperator, label: str | int) -> int:
    """Number of an axis by its name.  Raises ValueError for one that the grid does not have."""
    names = AXES[: engine.grid.dimension]
    if isinstance(label, int) and 0 <= label < len(names):
        return label
    if label not in names:
        raise ValueError(f"axis {label!r}; the grid has the axes {', '.join(names)}")
    return names.index(str(label))


def _kinetic(state: State, engine: SplitOperator) -> float:
    """<(p - qA)²>/2m: each axis by its momenta, with A_j(t), or A_j(x) point by point."""
    vector, grid = engine.vector_potential, engine.grid
    total = 0.0
    for axis, k in enumerate(grid.wavenumbers):
        if axis not in vector.transverse:
            shifted = (k - vector.uniform_at(axis, engine.clock(state))) ** 2
            total += float(momentum_density(state, engine, axis) @ shifted) / (2.0 * grid.mass[axis])
            continue
        part, shift = 0.0, vector.charge * vector.transverse[axis].values()
        for waves, rows in _spectra(state, engine, axis):
            if axis:
                square = (grid.along(axis, k) - shift[rows]) ** 2
            else:
                square = (k[:, None] - engine.sweeps.columns.of_row(shift)[rows]) ** 2
            part += float((_density(waves) * square).sum())
        scale = grid.volume_element / (grid.points[axis] * 2.0 * grid.mass[axis])
        total += float(_sum(engine, part)) * scale
    return total


def _blocks(state: State, engine: SplitOperator) -> Iterator[tuple[slice, np.ndarray]]:
    """Rows of ψ in positions, in double precision, few at a time."""
    engine.synchronise(state)
    psi = engine.backend.host(state[WAVEFUNCTION])
    step = max(1, BLOCK // max(1, int(np.prod(psi.shape[1:]))))
    for first in range(0, len(psi), step):
        rows = slice(first, min(first + step, len(psi)))
        yield rows, psi[rows].astype(complex, copy=False)


def _spectra(state: State, engine: SplitOperator, axis: int) -> Iterator[tuple[np.ndarray, slice]]:
    """The transform of ψ along one axis, by rows; along axis 0 by columns (n0, few), with where they are."""
    if axis:
        for rows, psi in _blocks(state, engine):
            yield np.fft.fft(psi, axis=axis), rows
        return
    engine.synchronise(state)
    columns = engine.sweeps.columns.to_columns(engine.backend.host(state[WAVEFUNCTION]))
    step = max(1, BLOCK // len(columns))
    for first in range(0, columns.shape[1], step):
        part = slice(first, min(first + step, columns.shape[1]))
        yield np.fft.fft(columns[:, part].astype(complex, copy=False), axis=0), part


def _density(psi: np.ndarray) -> np.ndarray:
    return psi.real**2 + psi.imag**2


def _sum(engine: SplitOperator, value: Any) -> Any:
    return engine.communicator.allreduce(value)
