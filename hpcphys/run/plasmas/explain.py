"""`hpcphys explain` for plasmas: the program is its own documentation."""

from __future__ import annotations

from hpcphys.decomposition.communicator import Communicator
from hpcphys.kernels import backend as backend_named
from hpcphys.run.plasmas import assembly
from hpcphys.run.plasmas.declaration import Declaration, declaration_of
from hpcphys.run.plasmas.job import PlasmaJob

FEW = 16
"""Cells along an axis that the program is compiled on: its text does not depend on their number."""


def explanation(job: PlasmaJob) -> str:
    """Equations as text and LaTeX, methods, operations, what is conserved and what moves between ranks."""
    declaration = declaration_of(job)
    few = [min(FEW, n) for n in declaration.cells]
    small = job.model_copy(update={"grid": job.grid.model_copy(update={"cells": few})})
    communicator = Communicator.serial()
    parts = assembly.parts_of(small, declaration_of(small), backend_named("cpu", threads=1), communicator)
    program = assembly.program_of(small, parts, assembly.state_of(parts))
    sections = [
        *_equations(job, declaration), program.explain(), *_methods(job), *_conserved(job),
        *_exchanges(job, declaration),
    ]  # fmt: skip
    return "\n".join(sections)


def _equations(job: PlasmaJob, declaration: Declaration) -> list[str]:
    lines = ["Species"]
    for name, species in declaration.species.items():
        table = job.species[name]
        numbers = f"q = {species.charge:g}, m = {species.mass:g}, n = {species.density.expression}"
        lines.append(f"  {name}: {numbers}, {table.per_cell} in each cell, {table.layout}")
    lines += ["LaTeX", r"  \dot x = u/\gamma, \quad \dot u = \frac{q}{m} (E + v \times B)"]
    if job.fields.solver == "electrostatic":
        lines.append(r"  \nabla \cdot E = \rho/\varepsilon_0, \quad E = -\nabla \varphi")
    elif job.fields.solver != "none":
        lines.append(
            r"  \partial_t E = c^2 \nabla \times B - J/\varepsilon_0, \quad \partial_t B = -\nabla \times E"
        )
    return lines


def _methods(job: PlasmaJob) -> list[str]:
    method, is_leapfrog = job.particles, job.time.integrator == "leapfrog"
    return [
        "Methods",
        f"  shape {method.shape}, gather conserves {method.gather}, "
        + (f"pusher {method.pusher}" if is_leapfrog else "exact flows with v = u"),
        f"  {method.precision} precision",
        "  current: the exact one of each path (Esirkepov 2001), split at the faces of bins: ∂ρ/∂t + ∇·J = 0",
    ]


def _conserved(job: PlasmaJob) -> list[str]:
    is_leapfrog = job.time.integrator == "leapfrog"
    waves = job.fields.solver not in ("electrostatic", "none")
    return [
        "Conserved",
        "  charge: ∇·E - ρ/ε0 stays what it is at the start, zero, to round-off" if waves
        else "  charge: exactly",
        "  energy: to O(dt²), and to what the grid heats; see energy_error in the diagnostics" if is_leapfrog
        else "  energy: that of a nearby Hamiltonian, so that its error stays bounded; ∇·B exactly",
        "  momentum: to what a gather that conserves energy does to it" if job.particles.gather == "energy"
        else "  momentum: to round-off of an electrostatic plasma; small changes with waves",
    ]  # fmt: skip


def _exchanges(job: PlasmaJob, declaration: Declaration) -> list[str]:
    guards = assembly.guards_of(job)
    return [
        "Exchanges",
        f"  blocks with {guards} layers of guards: fields are filled, currents summed; particles that leave",
        f"  go to {3**declaration.dimension - 1} neighbours at most, one message each",
    ]
