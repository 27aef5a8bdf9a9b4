"""What is done to a first configuration before its first step: places, minimisation, velocities."""

from __future__ import annotations

from typing import Any

import numpy as np

from hpcphys.compiler import State
from hpcphys.run.errors import JobError, RunError
from hpcphys.run.liquids.declaration import ensemble_of
from hpcphys.run.liquids.job import LiquidJob
from hpcphys.run.liquids.units import named_units

SOFT_STEPS = 500
SOFT_ENOUGH = 1e-3
"""Of the soft repulsion's own energy: per atom, the minimisation has done its work."""


def begin(
    job: LiquidJob, state: State, pairs: Any, constraints: Any, backend: Any, communicator: Any, log: Any
) -> None:
    """Bring rows where they belong, push atoms apart if asked, draw velocities; collective.

    Raises JobError for what no run can begin with, RunError for atoms that overlap beyond repair.
    """
    initial: Any = job.initial
    # Whole molecules are needed to draw for them; for single atoms first, before lists take their room.
    early = constraints is None and initial.minimise == "none"
    try:
        if initial.model == "random":
            _push_apart(job, state, pairs, backend, communicator, log)
        if early:
            _velocities(job, state, pairs, None, backend, communicator)
        pairs.rebuild(state)
        if pairs.balance.shared(pairs, state):  # of atoms that leave most of the box empty, say
            pairs.rebuild(state)
    except (FloatingPointError, RuntimeError) as problem:
        raise RunError(f"before step 0: {problem}") from problem
    if constraints is not None and initial.minimise != "none":
        raise JobError(["initial.minimise: molecules are rigid, and are not minimised; remove it"])
    if initial.minimise != "none":
        _minimise(job, state, pairs, backend, communicator, log)
    pairs.builds, pairs.dangerous = 1, 0  # those of the minimisation are not the run's
    pairs.balance.next_look = 1
    pairs.keep_schedule()
    if not early:
        _velocities(job, state, pairs, constraints, backend, communicator)


def _velocities(
    job: LiquidJob, state: State, pairs: Any, constraints: Any, backend: Any, communicator: Any
) -> None:
    """Draw them for the temperature, or bring the centre of mass to rest."""
    initial: Any = job.initial
    if initial.temperature:
        _draw_velocities(job, state, pairs, constraints, backend, communicator)
    elif initial.remove_drift and ensemble_of(job).keeps_momentum:
        from hpcphys.physics.liquids import Motion, remove_centre_of_mass

        remove_centre_of_mass(state, Motion(backend, communicator, reproducible=True))


def _push_apart(job: LiquidJob, state: State, pairs: Any, backend: Any, communicator: Any, log: Any) -> None:
    """A soft repulsion (1 - r/d)² brings atoms to a distance of about d."""
    from hpcphys.forces.pairs import Expression, PairForces
    from hpcphys.physics.minimise import Fire, StopWhen, minimise

    closest = job.initial.closest or 0.8 * length_of(job.pairs)  # type: ignore[union-attr]
    soft = Expression("(1 - r/d)^2", {"d": closest})
    cells = None
    if pairs.cells is not None:
        from dataclasses import replace

        cells = replace(pairs.cells, reach=1.3 * closest)
    field = PairForces(
        backend,
        communicator,
        pairs.box,
        soft,
        cutoff=closest,
        buffer=0.3 * closest,
        precision="double",
        cells=cells,
    )
    atoms = communicator.allreduce(state.count, "sum")
    stop = StopWhen(force=None, energy=SOFT_ENOUGH * atoms * 1e-3, steps=SOFT_STEPS)
    found = minimise(
        state, field, backend, communicator, stop=stop, largest_move=0.2 * closest,
        fire=Fire(step=0.1 * closest), reproducible=True,
    )  # fmt: skip
    log.note(f"pushed apart to {closest:g}: {found.reason} after {found.steps} steps")
    del state["force"]
    state.invalidate()


def length_of(table: Any) -> float:
    """A length of the potential: σ, r₀, or a share of the cutoff."""
    for name in ("sigma", "r0"):
        if hasattr(table, name):
            return float(np.min(getattr(table, name)))
    return 0.4 * table.cutoff


def _minimise(job: LiquidJob, state: State, pairs: Any, backend: Any, communicator: Any, log: Any) -> None:
    from hpcphys.physics.minimise import Fire, MinimisationFailed, StopWhen, minimise

    initial: Any = job.initial
    length = length_of(job.pairs)
    _, force = pairs.potential.characteristic(job.pairs.cutoff)
    enough = initial.minimise_force or 0.1 * force
    # FIRE's masses are 1: in this time the potential's characteristic force moves one by some 1e-3 lengths.
    step = 0.03 * np.sqrt(2.0 * length / force)
    try:
        found = minimise(
            state, pairs, backend, communicator, method=initial.minimise,
            stop=StopWhen(force=enough, steps=initial.minimise_steps), largest_move=0.1 * length,
            fire=Fire(step=step), reproducible=job.run.reproducible,
        )  # fmt: skip
    except MinimisationFailed as problem:
        raise RunError(f"before step 0: {problem}") from problem
    log.line(
        f"minimised ({initial.minimise}): {found.reason} after {found.steps} steps; energy "
        f"{found.energy:.8g}, "
        f"largest force {found.force:.3g}"
    )


def _draw_velocities(
    job: LiquidJob, state: State, pairs: Any, constraints: Any, backend: Any, communicator: Any
) -> None:
    from hpcphys.physics.liquids import maxwell_boltzmann

    initial: Any = job.initial
    try:
        maxwell_boltzmann(
            state, initial.temperature, backend, communicator, seed=initial.seed,
            boltzmann=named_units(job.units).boltzmann, exact=True, constraints=constraints, field=pairs,
        )  # fmt: skip
    except ValueError as problem:
        raise JobError([f"initial: {problem}"]) from problem
