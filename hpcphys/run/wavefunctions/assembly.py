"""From a valid job to its parts: this rank's grid, the engine, the first wavefunction, the program."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from hpcphys.compiler import State, compile_structure
from hpcphys.initial.wavefunctions import boosted, gaussian_factor, outer_product
from hpcphys.physics.schrodinger.engine import SplitOperator
from hpcphys.physics.schrodinger.grid import WaveGrid
from hpcphys.physics.schrodinger.potential import PotentialError
from hpcphys.physics.schrodinger.system import schrodinger
from hpcphys.run.errors import JobError, RunError
from hpcphys.run.wavefunctions.declaration import Declaration, Declaring, numeric
from hpcphys.run.wavefunctions.job import WaveJob
from hpcphys.run.wavefunctions.rules import rank_rule


def declaration_of(job: WaveJob) -> Declaration:
    """The wave equation of a job.  Raises JobError for one that is not valid."""
    reading = Declaring({name: getattr(job, name) for name in type(job).model_fields})
    found = reading.declaration()
    if found is None or reading.problems:
        raise JobError([f"{'.'.join(path)}: {text}" for path, text in reading.problems])
    return found


def grid_of(declaration: Declaration, communicator: Any) -> WaveGrid:
    """This rank's part of the grid.  Raises JobError, on all ranks, where there are too many of them."""
    if problem := rank_rule(declaration.grid, communicator.size):
        raise JobError([f"grid.points: {problem}"])
    return dataclasses.replace(declaration.grid, rank=communicator.rank, size=communicator.size)


def engine_of(
    job: WaveJob, declaration: Declaration, grid: WaveGrid, backend: Any, communicator: Any,
    potential: Any = None, relaxing: bool = False,
) -> SplitOperator:  # fmt: skip
    """The engine of a job on this rank.

    potential: instead of the job's own;  relaxing: for states in imaginary time: without absorber
    Raises JobError, on all ranks, for a function that cannot be used on the grid of any.
    """
    try:
        return SplitOperator(
            grid,
            backend,
            communicator,
            potential=declaration.potential if potential is None else potential,
            nonlinearity=job.wave.nonlinearity,
            absorber=None if relaxing else declaration.absorber,
            vector_potential=declaration.vector_potential or None,
            charge=job.wave.charge,
        )
    except PotentialError as problem:
        name = str(problem).split()[0]
        raise JobError(
            [f"wave.{name if name in ('potential', 'absorber') else 'vector_potential'}: {problem}"]
        ) from problem


def compiled_program(job: WaveJob, state: State, engine: SplitOperator, timers: Any = None) -> Any:
    """The program of the job on a state that holds the wavefunction of this rank.

    Raises JobError where pieces and composition do not fit.
    """
    system = schrodinger(state, engine)
    try:
        return compile_structure(system, job.time.integrator, dt=job.time.step, timers=timers)
    except ValueError as problem:
        raise JobError([f"time.integrator: {problem}"]) from problem


def points_of(grid: WaveGrid) -> list[np.ndarray]:
    """Coordinates of this rank's points, one array for each axis, laid out for broadcasting."""
    return [grid.along(axis, x) for axis, x in enumerate(grid.axes)]


def evaluated(
    expressions: tuple[Any, Any], declaration: Declaration, grid: WaveGrid, time: float | None = None
) -> np.ndarray:
    """Real and imaginary expressions on this rank's points, complex128; of t too where a time is given."""
    from hpcphys.compiler.expressions import TIME

    symbols = declaration.symbols if time is None else (*declaration.symbols, TIME)
    arguments = points_of(grid) if time is None else [*points_of(grid), np.asarray(time)]
    real, imaginary = (numeric(e, symbols)(*arguments) for e in expressions)
    return np.broadcast_to(real + 1j * imaginary, grid.shape).copy()


class FirstState:
    """The wavefunction that a table like [initial] describes, on this rank's points.

    levels: energies (chemical potentials) of the states that were relaxed for it, lowest first
    """

    def __init__(
        self, job: WaveJob, declaration: Declaration, grid: WaveGrid, backend: Any, communicator: Any
    ):
        self.job, self.declaration, self.grid = job, declaration, grid
        self.backend, self.communicator = backend, communicator
        self.levels: list[float] = []

    def wavefunction(self, table: Any, parts: dict[str, Any]) -> np.ndarray:
        """Of norm 1, complex of the grid's precision and shape; collective.

        parts: what Declaration.initial or reference holds of the table
        Raises JobError, on all ranks, for a state without a norm or with numbers that are none,
        DataFileError for a file that cannot be used, RunError where imaginary time does not settle.
        """
        psi = getattr(self, f"_{table.model}")(table, parts)
        square = float(np.sum(psi.real**2 + psi.imag**2)) * self.grid.volume_element
        norm = self.communicator.allreduce(square, "sum")
        if not (np.isfinite(norm) and norm > 0.0):
            raise JobError(
                [f"initial: the norm of the first state is {norm:g}; it must be positive and finite"]
            )
        return (psi / np.sqrt(norm)).astype(self.grid.complex_type)

    def _gaussian(self, table: Any, parts: dict[str, Any]) -> np.ndarray:
        numbers = zip(self.grid.axes, parts["centre"], parts["width"], parts["momentum"], strict=True)
        return outer_product([gaussian_factor(*each) for each in numbers])

    def _expression(self, table: Any, parts: dict[str, Any]) -> np.ndarray:
        return evaluated((parts["real"], parts["imaginary"]), self.declaration, self.grid)

    def _product(self, table: Any, parts: dict[str, Any]) -> np.ndarray:
        given = zip(self.declaration.symbols, parts["factors"], self.grid.axes, strict=True)
        factors = [numeric(factor, (symbol,))(x).astype(complex) for symbol, factor, x in given]
        return boosted(outer_product(factors), self.grid.axes, parts["momentum"])

    def _ground_state(self, table: Any, parts: dict[str, Any]) -> np.ndarray:
        return self._relaxed([1.0], table, parts)

    def _excited_state(self, table: Any, parts: dict[str, Any]) -> np.ndarray:
        return self._relaxed([0.0] * table.index + [1.0], table, parts)

    def _superposition(self, table: Any, parts: dict[str, Any]) -> np.ndarray:
        return self._relaxed(table.coefficients, table, parts)

    def _relaxed(self, coefficients: list[float], table: Any, parts: dict[str, Any]) -> np.ndarray:
        """The sum of the lowest states with these coefficients, boosted."""
        from hpcphys.physics.schrodinger.imaginary import NotConverged, ground_state

        own = (self.job, self.declaration, self.grid, self.backend, self.communicator)
        engine = engine_of(*own, parts.get("potential"), relaxing=True)
        try:
            start = thomas_fermi(engine) if self.job.wave.nonlinearity > 0.0 else None
            found = ground_state(engine, states=len(coefficients), tolerance=table.tolerance, start=start)
        except NotConverged as problem:
            raise RunError(f"initial: {problem}") from problem
        self.levels = [float(state.chemical_potential) for state in found]
        pairs = zip(coefficients, found, strict=True)
        psi = sum(c * self.backend.host(state.wavefunction) for c, state in pairs if c)
        return boosted(np.asarray(psi), self.grid.axes, parts["momentum"])

    def _file(self, table: Any, parts: dict[str, Any]) -> np.ndarray:
        from hpcphys.run.wavefunctions.snapshots import read_wavefunction

        return read_wavefunction(table.path, self.communicator, self.grid)


def thomas_fermi(engine: SplitOperator) -> np.ndarray:
    """sqrt(max(μ - V, 0)/g) of norm 1 on this rank's points: the ground state of a large condensate, and a
    guess for any other; collective.

    μ is found by bisection.  g > 0.
    Source: Dalfovo, Giorgini, Pitaevskii & Stringari (1999) Rev. Mod. Phys. 71, 463, section III.C.
    """
    field, grid, communicator = engine.potential_function, engine.grid, engine.communicator
    values = np.zeros(grid.shape) if field is None else field.values(0.0)
    lowest = communicator.allreduce(float(np.min(values, initial=np.inf)), "min")
    low, high = lowest, lowest + engine.strength / grid.volume_element
    for _ in range(100):
        middle = 0.5 * (low + high)
        inside = float(np.maximum(middle - values, 0.0).sum()) / engine.strength * grid.volume_element
        low, high = (middle, high) if communicator.allreduce(inside, "sum") < 1.0 else (low, middle)
    return np.sqrt(np.maximum(high - values, 0.0) / engine.strength)
