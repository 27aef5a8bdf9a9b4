"""From a valid job to its parts: grid, engine, initial flow, system, compiled program."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from hpcphys.compiler import State
from hpcphys.run.errors import JobError
from hpcphys.run.fluids.job import FluidJob


def vorticity_grid(job: FluidJob, communicator: Any) -> Any:
    """The truncated grid of this rank.  Raises JobError for more ranks than lines of the grid."""
    from hpcphys.physics.vorticity.grid import VorticityGrid

    n, size = job.grid.points, communicator.size
    if size > n:
        raise JobError(
            [
                f"grid.points: found {n}, too few for {size} ranks; use 1 to {n} ranks (one line each), or "
                "more points"
            ]
        )
    # Zeitlin's model has all modes of a full grid, and products of matrices instead of aliases.
    dealias = "hou_li" if job.fluid.model == "zeitlin" else job.fluid.dealias
    return VorticityGrid(n, job.grid.length, dealias, job.fluid.precision, communicator.rank, size)


def damping_of(job: FluidJob, cutoff: int) -> Any:
    """ν, p, μ, q; a viscosity that is given by its rate at the cutoff becomes ν = rate/K^2p."""
    from hpcphys.physics.vorticity.damping import Damping

    fluid = job.fluid
    viscosity = fluid.viscosity
    if fluid.viscosity_rate is not None:
        viscosity = fluid.viscosity_rate / (2.0 * np.pi / job.grid.length * cutoff) ** (
            2 * fluid.viscosity_order
        )
    return Damping(viscosity, fluid.viscosity_order, fluid.drag, fluid.drag_order)


def engine_for(job: FluidJob, grid: Any, backend: Any, communicator: Any) -> Any:
    """The engine of the job's grid and damping."""
    from hpcphys.physics.vorticity.engine import VorticityEngine

    return VorticityEngine(grid, backend, communicator, damping=damping_of(job, grid.cutoff))


def forcing_for(job: FluidJob, grid: Any, backend: Any, communicator: Any) -> Any:
    """The forcing of the job, or None."""
    if job.forcing is None:
        return None
    from hpcphys.physics.vorticity.forcing import BandForcing

    given, unit = job.forcing, grid.unit
    return BandForcing(grid, given.wavenumber * unit, given.width * unit, given.energy_rate, given.seed)


def compiled_program(job: FluidJob, state: State, engine: Any, forcing: Any, timers: Any = None) -> Any:
    """The program: the step of the integrator and the kick of the forcing; steps by Courant number if asked.

    Runge-Kutta: a step with exact damping, then the kick. Midpoint: Strang's splitting, the midpoint rule
    between halves of damping and of the kick.
    """
    from hpcphys.compiler import compile_structure
    from hpcphys.physics.vorticity.steps import CourantSteps
    from hpcphys.physics.vorticity.system import fluid

    system, composition = fluid(state, engine, forcing), "lie_trotter"
    if job.time.integrator == "midpoint":
        system, composition = _conserving(state, engine, system), "leapfrog"
    controller = None
    if job.time.adaptive:
        number = job.time.cfl * 2.0 * np.pi * engine.grid.cutoff / engine.grid.n  # dt u/Δx -> dt k_max u
        controller = CourantSteps(engine, number, max_step=job.time.max_step or np.inf)
    return compile_structure(system, composition, controller, dt=job.time.step, timers=timers)


def _conserving(state: State, engine: Any, system: Any) -> Any:
    """The system with the conserving midpoint in place of Runge-Kutta, and the same kick."""
    from hpcphys.physics.vorticity.conserving import conserving

    rates = None if engine.damping.absent else engine.damping.rates(engine.grid)
    found = conserving(state, engine, engine.grid, engine.backend, engine.communicator, rates)
    kicks = tuple(piece for piece in system.pieces if piece.name == "force")
    # "leapfrog" moves the first piece in the middle, once: the implicit one.
    return dataclasses.replace(found, pieces=(*found.pieces, *kicks))


def check_courant(job: FluidJob, engine: Any, speed: float) -> None:
    """Raise JobError when a fixed step is too long for the initial flow on this grid."""
    if job.time.adaptive or job.time.step is None or job.fluid.model == "zeitlin":
        return
    longest = engine.longest_step(speed) * engine.grid.n / job.grid.points
    if job.time.step > longest:
        raise JobError(
            [
                f"time.step: found {job.time.step:g}; with the initial flow's largest speed {speed:.4g} a "
                f"step of {longest:.3g} is the longest that is stable: shorten it, or use adaptive = true"
            ]
        )
