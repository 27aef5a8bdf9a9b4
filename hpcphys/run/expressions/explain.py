"""`hpcphys explain` for systems that are stated as expressions: the program is its own documentation."""

from __future__ import annotations

import sympy

from hpcphys.compiler.native.cost import cost_of
from hpcphys.compiler.program import Program
from hpcphys.kernels import KernelError
from hpcphys.kernels import backend as backend_named
from hpcphys.run.expressions import assembly
from hpcphys.run.expressions.declaration import Declaration
from hpcphys.run.expressions.job import HamiltonianJob
from hpcphys.run.expressions.theory import kept_quantities, predicted

EQUATIONS = 12
"""Components whose equations are written out; of longer systems the first."""

LONGEST = 400
"""Characters of an equation that are shown."""


def explanation(job: HamiltonianJob) -> str:
    """Equations as text and LaTeX, structure, splitting and its order, what is conserved and how well, the
    operations with their exchanges, and the kernel with its cost; no MPI, no run.  Raises JobError."""
    declaration = assembly.declaration_of(job)
    few = min(job.initial.systems, 4)
    program, kernel = _compiled(job, declaration, few)
    sections = [_system(declaration), program.explain(), *_conserved(job, declaration), *kernel]
    return "\n".join(sections)


def _system(declaration: Declaration) -> str:
    lines = []
    if zoo := declaration.zoo:
        lines += [zoo.title, f"  source: {zoo.source}"]
    lines.append("Equations")
    motion = declaration.structure.vector_field(declaration.hamiltonian)
    for symbol, rate in list(motion.items())[:EQUATIONS]:
        noise = declaration.structure.noise.get(symbol)
        random = f" + ({noise}) dW/dt" if noise is not None else ""
        lines.append(f"  d{symbol}/dt = {_short(str(rate))}{random}")
    if len(motion) > EQUATIONS:
        lines.append(f"  and {len(motion) - EQUATIONS} more")
    lines.append("LaTeX")
    named = {
        s: _latex_name(s) for s in declaration.coordinates.symbols + declaration.coordinates.parameter_symbols
    }
    lines.append(f"  H = {_short(sympy.latex(declaration.hamiltonian, symbol_names=named))}")
    for symbol, rate in list(motion.items())[:EQUATIONS]:
        lines.append(rf"  \dot{{{named[symbol]}}} = {_short(sympy.latex(rate, symbol_names=named))}")
    return "\n".join(lines)


def _conserved(job: HamiltonianJob, declaration: Declaration) -> list[str]:
    if not kept_quantities(declaration):
        return ["Conserved", "  nothing: the motion is dissipative, driven or random"]
    known = predicted(job, declaration, backend_named("cpu", threads=1))
    step = job.time.step
    lines = ["Conserved"]
    for prediction in known:
        size = prediction.size(step, 1e6)
        expected = f"; in 10^6 steps of {step:g}: {size:.1e}" if size is not None else ""
        lines.append(f"  {prediction.describe()}{expected}")
    return lines


def _compiled(job: HamiltonianJob, declaration: Declaration, few: int) -> tuple[Program, list[str]]:
    """The program, native where this machine can compile it, and what is to be said of its kernel."""
    rows = declaration.rows.rows(0, few)
    try:
        backend = backend_named(job.run.backend, threads=1)
        program = assembly.compiled_program(job, declaration, rows, backend, systems=job.initial.systems)
    except KernelError as problem:
        return assembly.compiled_program(job, declaration, rows), ["Kernel", f"  none here: {problem}"]
    if program.native is None:
        return program, ["Kernel", "  none: a flow has no form in symbols; operations run in NumPy"]
    lines = [
        "Kernel",
        f"  advance ({backend.name}): any number of steps in one call, one system per lane",
        f"  {cost_of(program.native).describe()}",
        "Exchanges",
        "  none: systems are independent, ranks own even shares of the batch and meet for diagnostics alone",
    ]
    return program, lines


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 20]} ... {text[-15:]}"


def _latex_name(symbol: sympy.Symbol) -> str:
    """q[0] -> q_{0}, inertia[1] -> \\mathrm{inertia}_{1}, mu -> \\mu."""
    name, _, index = symbol.name.partition("[")
    letter = sympy.latex(sympy.Symbol(name))
    if len(name) > 1 and not letter.startswith("\\"):
        letter = rf"\mathrm{{{name.replace('_', ' ')}}}"
    return f"{letter}_{{{index[:-1]}}}" if index else letter
