"""Ground and excited states by imaginary time: ψ ← exp(-s H) ψ / |…|, lower states projected out.

    Gross-Pitaevskii: dψ/ds = -(H[ψ] - μ) ψ, whose rest is a solution of H[ψ] ψ = μ ψ

The fixed point of a splitting of order p errs by s^p in ψ and s^2p in the energy, which is stationary: steps
are halved until the energy stays. Splittings are of order 4 with positive times alone: chin4a, or leapfrog
extrapolated where the force gradient is not at hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hpcphys.compiler.program import Program, compile_structure
from hpcphys.compiler.state import State
from hpcphys.compiler.structures.wavefunction import WAVEFUNCTION
from hpcphys.physics.schrodinger.engine import SplitOperator
from hpcphys.physics.schrodinger.observables import chemical_potential, energy, norm, overlap
from hpcphys.physics.schrodinger.system import schrodinger

STEPS = 10
"""Steps between two looks at the energy."""


class NotConverged(RuntimeError):
    """Imaginary time did not settle within the steps that were allowed."""


@dataclass(frozen=True)
class Eigenstate:
    """A stationary state, of norm 1.

    wavefunction: this rank's part;  energy: <H> (for Gross-Pitaevskii that of the functional)
    chemical_potential: μ, the eigenvalue; the energy itself without nonlinearity
    step: the last step of imaginary time;  steps: how many were taken
    """

    wavefunction: Any
    energy: float
    chemical_potential: float
    step: float
    steps: int


def ground_state(
    engine: SplitOperator,
    states: int = 1,
    tolerance: float = 1e-10,
    *,
    step: float = 0.1,
    start: Any = None,
    time: float = 0.0,
    most_steps: int = 100_000,
    seed: int = 1,
) -> list[Eigenstate]:
    """The lowest `states` stationary states of an engine's H, in the order of their energies; collective.

    tolerance: of the energy [energy], relative where the energy is above 1; for Gross-Pitaevskii also of μ
    step: of imaginary time [time], to begin with;  time: at which V(x, t) and A(t) are taken
    start: this rank's part of a first guess of the ground state; noise by default, the same on any ranks
    Excited states are those of a linear H: raises ValueError for more than one state with a nonlinearity, and
    for an absorber, in which states decay anyhow. Raises NotConverged after `most_steps` steps of one state.
    Source: Kosloff & Tal-Ezer (1986) Chem. Phys. Lett. 127, 223; Bao & Du (2004) SIAM J. Sci. Comput. 25,
    1674 for the normalised flow; Chin & Krotscheck (2005) Phys. Rev. E 72, 036705 for fourth order.
    """
    if engine.strength and states > 1:
        raise ValueError("excited states are those of a linear H; with a nonlinearity ask for one state")
    if engine.absorber is not None:
        raise ValueError("an absorber leaves no stationary state; make an engine without it")
    found: list[Eigenstate] = []
    engine.frozen, engine.shift = time, 0.0
    try:
        for number in range(states):
            guess = start if number == 0 and start is not None else noise(engine, seed + number)
            search = _Search(engine, guess, [state.wavefunction for state in found], tolerance)
            found.append(search.settle(step, most_steps))
    finally:
        engine.frozen, engine.shift = None, 0.0
    return sorted(found, key=lambda state: state.energy)


def noise(engine: SplitOperator, seed: int) -> np.ndarray:
    """Normal random numbers on this rank's points, those of a row independent of the number of ranks."""
    first, last = engine.grid.rows
    rows = [
        np.random.default_rng((seed, row)).standard_normal(engine.grid.points[1:])
        for row in range(first, last)
    ]
    return np.array(rows, dtype=float).reshape(engine.grid.shape)


class _Search:
    """One state on its way to rest, orthogonal to those below."""

    def __init__(self, engine: SplitOperator, guess: Any, below: Sequence[Any], tolerance: float):
        self.engine, self.below, self.tolerance = engine, below, tolerance
        psi = engine.backend.array(np.asarray(engine.backend.host(guess)), dtype=engine.grid.complex_type)
        self.state = State({WAVEFUNCTION: psi.copy()})
        field = engine.potential_function
        smooth = field is None or (field.expression is not None and not field.corners)
        plain = engine.strength or not smooth or engine.vector_potential.transverse
        self.program: Program = compile_structure(
            schrodinger(self.state, engine), "leapfrog" if plain else "chin4a"
        )
        self.extrapolated = bool(plain)
        self.taken = 0

    def settle(self, step: float, most_steps: int) -> Eigenstate:
        """Relax with this step, then with its halves until the energy stays."""
        self._purify()
        look = STEPS * step
        level = self._relax(step, look, most_steps)
        while True:
            step /= 2.0
            finer = self._relax(step, look, most_steps)
            if self._close(level, finer):
                break
            level = finer
        mu, total = finer
        return Eigenstate(self.state[WAVEFUNCTION], total, mu, step, self.taken)

    def _relax(self, step: float, look: float, most_steps: int) -> tuple[float, float]:
        """(μ, energy) at rest for one step: what is still to come, a geometric series, is below tolerance.

        look: imaginary time between two looks at the energy
        """
        often = round(look / step)
        previous, change = self._energies(), np.inf
        while True:
            self.engine.shift = previous[0]
            steps = 1 if self.taken < STEPS else often  # noise loses its high energies first
            self._run(steps, step)
            present = self._energies()
            changed = max(abs(a - b) for a, b in zip(present, previous, strict=True))
            ratio = min(changed / change, 0.99) if change > 0.0 else 0.0
            rest = changed * ratio / (1.0 - ratio)
            small = rest <= 0.1 * self._allowed(present) or changed <= self._rounding(present)
            if small and steps == often:
                return present
            if self.taken >= most_steps:
                raise NotConverged(
                    f"imaginary time has not settled after {self.taken} steps of {step:g}: the energy is "
                    f"{present[1]:.12g} and changed by {changed:.1e} in the last {steps}; allow more "
                    "steps, a larger step, or a larger tolerance"
                )
            previous, change = present, changed

    def _run(self, steps: int, step: float) -> None:
        """Steps of imaginary time; lower states grow back within each, and are taken out after it."""
        each = 1 if self.below or self.extrapolated else steps
        for _ in range(0, steps, each):
            if self.extrapolated:
                self._extrapolate(step)
            else:
                self.program.run(each, step)
            self._purify()
        self.taken += steps

    def _extrapolate(self, step: float) -> None:
        """ψ ← 4/3 S(s/2)² ψ - 1/3 S(s) ψ: order 4 from leapfrog S, for any H and with positive times alone.

        Source: Chin (2010) Celest. Mech. Dyn. Astron. 106, 391.
        """
        psi = self.state[WAVEFUNCTION]
        start = psi.copy()
        self.program.run(1, step)
        coarse = psi.copy()
        psi[...] = start
        self.program.run(2, step / 2.0)
        psi *= 4.0 / 3.0
        psi -= coarse / 3.0

    def _close(self, a: tuple[float, float], b: tuple[float, float]) -> bool:
        return all(abs(x - y) <= self._allowed(b) for x, y in zip(a, b, strict=True))

    def _allowed(self, energies: tuple[float, float]) -> float:
        return self.tolerance * max(1.0, abs(energies[1]))

    def _rounding(self, energies: tuple[float, float]) -> float:
        return 200.0 * float(np.finfo(self.engine.grid.real_type).eps) * max(1.0, *map(abs, energies))

    def _energies(self) -> tuple[float, float]:
        if not self.engine.strength:
            total = energy(self.state, self.engine).total
            return total, total
        parts = energy(self.state, self.engine)
        return chemical_potential(self.state, self.engine), parts.total

    def _purify(self) -> None:
        """Take the lower states out (Gram-Schmidt) and make the norm 1."""
        psi = self.state[WAVEFUNCTION]
        for lower in self.below:
            psi -= overlap(self.state, lower, self.engine) * lower
        psi /= np.sqrt(norm(self.state, self.engine))
