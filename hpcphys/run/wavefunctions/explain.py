"""`hpcphys explain` for wavefunctions: the program is its own documentation."""

from __future__ import annotations

import numpy as np
import sympy

from hpcphys.compiler import State
from hpcphys.compiler.structures.wavefunction import WAVEFUNCTION
from hpcphys.decomposition.communicator import Communicator
from hpcphys.kernels import backend as backend_named
from hpcphys.physics.schrodinger.grid import AXES
from hpcphys.report.progress import amount
from hpcphys.run.wavefunctions import assembly
from hpcphys.run.wavefunctions.declaration import Declaration
from hpcphys.run.wavefunctions.job import WaveJob

FEW = 8
"""Points per axis that the program is compiled on: its text does not depend on their number."""

LONGEST = 400
"""Characters of an expression that are shown."""


def explanation(job: WaveJob) -> str:
    """Equation as text and LaTeX, splitting and order, operations, what is conserved and what moves between
    ranks; no MPI, no run.  Raises JobError."""
    declaration = assembly.declaration_of(job)
    few = [min(FEW, n) for n in job.grid.points]
    small = job.model_copy(update={"grid": job.grid.model_copy(update={"points": few})})
    device, communicator = backend_named("cpu", threads=1), Communicator.serial()
    grid = assembly.grid_of(assembly.declaration_of(small), communicator)
    engine = assembly.engine_of(small, declaration, grid, device, communicator)
    state = State({WAVEFUNCTION: np.zeros(grid.shape, grid.complex_type)})
    program = assembly.compiled_program(small, state, engine)
    kinetic = sum(op.name.startswith("kinetic") for op in program.operations)
    sections = [
        *_equation(job, declaration),
        program.explain(),
        *_flows(kinetic),
        *_conserved(job, declaration, program),
        *_exchanges(declaration, kinetic),
    ]
    return "\n".join(sections)


def _equation(job: WaveJob, declaration: Declaration) -> list[str]:
    """The equation with the job's own potential."""
    wave = job.wave
    terms = [r"\frac{(p - q A)^2}{2 m}" if declaration.vector_potential else r"\frac{p^2}{2 m}"]
    terms.append(_short(sympy.latex(declaration.stated)) if declaration.stated != 0 else "")
    terms.append(r"g |\psi|^2" if wave.nonlinearity else "")
    inner = " + ".join(term for term in terms if term) + (
        " - i W" if declaration.absorber is not None else ""
    )
    left = r"-\partial_t \psi" if job.time.mode == "imaginary" else r"i\, \partial_t \psi"
    lines = ["Equation", f"  V = {_short(str(declaration.stated))}"]
    numbers = ", ".join(f"{name} = {value:g}" for name, value in wave.parameters.items())
    lines += [f"  with {numbers}"] if numbers else []
    lines += [f"  g = {wave.nonlinearity:g}"] if wave.nonlinearity else []
    lines += [f"  W = {_short(str(declaration.absorber))}"] if declaration.absorber is not None else []
    lines += [f"  A_{axis} = {_short(str(e))}" for axis, e in declaration.vector_potential.items()]
    grid = declaration.grid
    for axis, n, low, high, d in zip(AXES, grid.points, grid.lower, grid.upper, grid.spacing, strict=False):
        lines.append(
            f"  {axis}: {n} points from {low:g} to {high:g}, {d:.4g} apart, momenta to {np.pi / d:.4g}"
        )
    return [*lines, "LaTeX", rf"  {left} = \left[ {inner} \right] \psi, \quad \hbar = 1"]


def _flows(kinetic: int) -> list[str]:
    return [
        "Flows",
        "  potential: a phase on every point, exact also with g|psi|², which it does not change",
        "  kinetic: a phase on every momentum, between a Fourier transform and its inverse",
        f"  {kinetic} pair{'s' if kinetic > 1 else ''} of Fourier transforms in a step",
    ]


def _conserved(job: WaveJob, declaration: Declaration, program) -> list[str]:
    """What theory says of norm and energy."""
    order = program.composition.order
    imaginary, absorbs = job.time.mode == "imaginary", declaration.absorber is not None
    if imaginary:
        norm, energy = "set to 1 after every step", "falls to that of the ground state of the split flow"
    else:
        norm = "decays where the absorber is" if absorbs else "exact to rounding (every flow is unitary)"
        energy = f"oscillates by O(dt^{order}) without trend ({program.composition.name})"
        if absorbs:
            energy = "leaves with what is absorbed"
        elif declaration.is_driven:
            energy = "changes, as the Hamiltonian depends on time"
    return ["Conserved", f"  norm: {norm}", f"  energy: {energy}"]


def _exchanges(declaration: Declaration, kinetic: int) -> list[str]:
    """Bytes between ranks, from the model of a transpose."""
    grid = declaration.grid
    if grid.dimension == 1:
        return ["Exchanges", "  none: a grid of one axis lives on one rank"]
    size = grid.count * grid.complex_type.itemsize
    flows = f"{kinetic} kinetic flow{'s' if kinetic > 1 else ''}"
    return [
        "Exchanges",
        f"  slabs along x, transposed twice for each of {flows}; on P ranks each sends",
        f"  {amount(2 * kinetic * size)} (P - 1)/P² in {2 * kinetic} (P - 1) messages per step; one none",
    ]


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 20]} ... {text[-15:]}"
