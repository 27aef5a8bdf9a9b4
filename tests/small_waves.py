"""Small wavefunctions for tests: engines and programs in one line, and what is known in closed form."""

from __future__ import annotations

from typing import Any

import numpy as np

from hpcphys.compiler.program import Program, compile_structure
from hpcphys.compiler.state import State
from hpcphys.decomposition.communicator import Communicator
from hpcphys.kernels import backend
from hpcphys.physics.schrodinger.engine import SplitOperator
from hpcphys.physics.schrodinger.grid import WaveGrid
from hpcphys.physics.schrodinger.system import schrodinger

PSI = "wavefunction"
CPU = backend("cpu", threads=1)
SERIAL = Communicator.serial()


def engine(points: Any, lower: Any, upper: Any, *, machine: Any = None, ranks: Any = None, **options: Any):
    """A SplitOperator on one rank or `ranks`; options of the grid and of the engine together."""
    ranks = ranks or SERIAL
    own = {key: options.pop(key) for key in ("mass", "precision") if key in options}
    grid = WaveGrid(points, lower, upper, rank=ranks.rank, size=ranks.size, **own)
    return SplitOperator(grid, machine or CPU, ranks, **options)


def gaussian(grid: WaveGrid, centre: Any, momentum: Any, width: Any = 1.0) -> np.ndarray:
    """prod_j exp(-(x_j - c_j)²/2w_j² + i p_j x_j), of norm 1, on this rank's points."""
    centre, momentum, width = (np.broadcast_to(v, grid.dimension) for v in (centre, momentum, width))
    psi = np.ones(grid.shape, dtype=complex)
    for axis, x in enumerate(grid.axes):
        c, p, w = centre[axis], momentum[axis], width[axis]
        factor = np.exp(-((x - c) ** 2) / (2 * w * w) + 1j * p * x) / (np.pi * w * w) ** 0.25
        psi = psi * grid.along(axis, factor)
    return psi


def program(made: SplitOperator, psi: np.ndarray, composition: str = "leapfrog", dt: float = 0.01) -> Program:
    """A program that moves a copy of psi."""
    array = made.backend.array(psi.copy(), dtype=made.grid.complex_type)
    return compile_structure(schrodinger(State({PSI: array}), made), composition, dt=dt)


def moved(made: SplitOperator, psi: np.ndarray, composition: str, time: float, steps: int) -> np.ndarray:
    """psi after a time, in so many steps."""
    run = program(made, psi, composition, time / steps)
    run.run(steps)
    return made.backend.host(run.state[PSI])


def hamiltonian_matrix(made: SplitOperator) -> np.ndarray:
    """H of a grid of one axis as a matrix in positions."""
    n, k = made.grid.points[0], made.grid.wavenumbers[0]
    waves = np.fft.fft(np.eye(n), axis=0, norm="ortho")
    kinetic = waves.conj().T @ (k[:, None] ** 2 / (2 * made.grid.mass[0]) * waves)
    matrix = kinetic + np.diag(made.potential_function.values())
    return (matrix + matrix.conj().T) / 2


def exactly_moved(made: SplitOperator, psi: np.ndarray, time: float) -> np.ndarray:
    """exp(-i H time) psi on a grid of one axis, by diagonalisation."""
    energies, states = np.linalg.eigh(hamiltonian_matrix(made))
    return states @ (np.exp(-1j * energies * time) * (states.conj().T @ psi))
