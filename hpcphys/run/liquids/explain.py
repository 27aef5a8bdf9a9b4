"""`hpcphys explain` for liquids: equations, ensemble, program, what is conserved, cost."""

from __future__ import annotations

from typing import Any

from hpcphys.run.liquids import assembly
from hpcphys.run.liquids.estimate import BYTES_PER_ATOM, RATES
from hpcphys.run.liquids.job import LiquidJob
from hpcphys.run.liquids.smaller import smaller
from hpcphys.run.liquids.start import atoms_stated

ATOMS = 500
"""Enough to compile the program; its text does not depend on the number."""

LATEX = {
    "lennard_jones": r"4\epsilon\left[(\sigma/r)^{12} - (\sigma/r)^6\right]",
    "wca": r"4\epsilon\left[(\sigma/r)^{12} - (\sigma/r)^6\right] + \epsilon,\ r < 2^{1/6}\sigma",
    "morse": r"D\left[e^{-2a(r-r_0)} - 2e^{-a(r-r_0)}\right]",
    "buckingham": r"A e^{-Br} - C/r^6",
    "soft_core": r"4\epsilon\lambda\left[q^{-2} - q^{-1}\right],\ q = \alpha(1-\lambda)^2 + (r/\sigma)^6",
    "table": r"\text{as tabulated}",
}


def explanation(job: LiquidJob) -> str:
    """Equations as text and LaTeX, program with its pieces and fields, what is conserved, cost; no MPI, no
    run."""
    from hpcphys.compiler import State
    from hpcphys.decomposition.communicator import Communicator
    from hpcphys.kernels import backend
    from hpcphys.run.liquids.start import first_configuration

    communicator = Communicator.serial()
    device = backend("cpu" if job.run.backend == "auto" else job.run.backend, threads=1)
    small = smaller(job, ATOMS)
    arrays, box = first_configuration(small, communicator)
    state = State({name: device.array(array) for name, array in arrays.items()})
    box.to_scalars(state)
    pairs = assembly.pair_forces(small, box, state, device, communicator)
    state["velocity"] *= 0.0  # at rest: the program's text does not depend on them
    pairs.rebuild(state)
    constraints = assembly.rigid_molecules(small)
    system = assembly.liquid_system(small, state, pairs, constraints, device, communicator, None)
    program = assembly.compiled_program(small, system)
    return "\n".join([*_latex(job), program.explain(), *_conserved(job, system, program), *_cost(job)])


def _latex(job: LiquidJob) -> list[str]:
    energy = LATEX.get(job.pairs.model)
    if job.pairs.model == "expression":
        import sympy

        from hpcphys.compiler.expressions import Coordinates, parse

        names = Coordinates.declare(["r"], list(job.pairs.parameters))
        energy = sympy.latex(parse(job.pairs.expression, names, name="expression"))
    return [
        "LaTeX",
        rf"  H = \sum_i \frac{{p_i^2}}{{2 m_i}} + \sum_{{i<j}} E(r_{{ij}}), \quad E(r) = {energy}",
    ]


def _conserved(job: LiquidJob, system: Any, program: Any) -> list[str]:
    """What theory says of each conserved quantity, for this potential and ensemble."""
    ensemble, order = system.ensemble, program.composition.order
    shift = getattr(job.pairs, "shift", "none")
    smooth = {
        "none": "; the cut of the potential adds a random walk of the energy: every pair that crosses the "
        "cutoff changes it by E(r_c) (shift = 'force' or 'switch' does not)",
        "potential": "; the force jumps at the cutoff, which adds a small random walk",
    }.get(shift if job.pairs.model != "wca" else "force", "")
    parts = ", ".join(["energy", *ensemble.parts(system.state, system.setting)])
    momentum = (
        "exact to rounding"
        if ensemble.keeps_momentum
        else "not conserved: friction and noise act on each atom"
    )
    corners = getattr(job.ensemble, "ramp", None)
    ramp = f"; the bath goes through [time, T] = {corners}" if corners else ""
    return [
        "Ensemble",
        f"  {ensemble.describe()}: samples {ensemble.samples}{ramp}",
        f"  {system.setting.degrees} degrees of freedom (of {system.setting.atoms} atoms in this "
        f"explanation)",
        "Conserved",
        f"  {parts}: their sum oscillates by O(dt^{order}){smooth}",
        f"  momentum: {momentum}",
    ]


def _cost(job: LiquidJob) -> list[str]:
    count = atoms_stated(job)
    rate = RATES[job.pairs.precision]
    if count is None:
        return ["Cost", "  depends on the number of atoms, which the input file knows"]
    return [
        "Cost",
        f"  a step: about {count / rate:.2g} core seconds for {count} atoms (`check` measures it here)",
        f"  memory: {BYTES_PER_ATOM} bytes per atom, lists and exchange buffers included",
    ]
