"""`hpcphys explain`: the program that a job compiles to, as text."""

from __future__ import annotations

from hpcphys.run.galaxy import assembly
from hpcphys.run.galaxy.estimate import BYTES_PER_PARTICLE, evaluation_seconds
from hpcphys.run.galaxy.job import GravityJob

PARTICLES = 64
"""Enough to compile the program; its text does not depend on the number."""


def explanation(job: GravityJob) -> str:
    """Equations, splitting and its order, operations with their exchanges, and kernels; no MPI, no run.

    Raises JobError when the initial conditions contradict each other.
    """
    from hpcphys.decomposition.communicator import Communicator
    from hpcphys.kernels import backend

    communicator = Communicator.serial()
    name = "cpu" if job.run.backend == "auto" else job.run.backend
    device = backend(name, threads=1)
    asked = getattr(job.initial, "particles", None)
    if asked is not None and asked > PARTICLES:
        small = job.initial.model_copy(update={"particles": PARTICLES})
        job = job.model_copy(update={"initial": small})
    arrays, begin = assembly.initial_arrays(job, communicator)
    state = assembly.state_on(device, arrays, time=begin)
    field = assembly.force_field(job, device, communicator)
    program = assembly.compiled_program(job, state, field, device, communicator)
    return "\n".join([*_latex(job), program.explain(), *_conserved(job, program), *_cost(job, asked)])


def _latex(job: GravityJob) -> list[str]:
    """The equations for a paper."""
    softened = {
        "plummer": r"s(r) = (r^2 + \epsilon^2)^{-1/2}",
        "spline": r"s(r) \text{ the potential of a cubic spline of support } 2.8\,\epsilon",
        "none": r"s(r) = 1/r",
    }[job.gravity.softening_kernel]
    return [
        "LaTeX",
        r"  H = \sum_i \frac{p_i^2}{2 m_i} - G \sum_{i<j} m_i m_j\, s(|q_i - q_j|), \quad " + softened,
        r"  \dot{q}_i = v_i, \quad \dot{v}_i = G \sum_{j \ne i} m_j \nabla_i s(|q_i - q_j|)",
    ]


def _conserved(job: GravityJob, program) -> list[str]:
    """What theory says of each conserved quantity, with this job's forces and steps."""
    tree, order = job.gravity.method == "tree", program.composition.order
    steps = "time-symmetric adaptive steps" if job.time.adaptive else "equal steps"
    beyond = (
        "; beyond that the error of the tree's forces, which check measures, acts as noise" if tree else ""
    )
    if not tree or job.gravity.conserve_momentum:
        momentum = "exact to rounding (the sum of all forces vanishes)"
    else:
        momentum = "to the error of the tree's forces (conserve_momentum = false)"
    angular = "to the error of the tree's forces" if tree else "exact to rounding (every flow keeps it)"
    return [
        "Conserved",
        f"  energy: oscillates by O(dt^{order}) without trend ({program.composition.name}, {steps}){beyond}",
        f"  momentum: {momentum}",
        f"  angular_momentum: {angular}",
    ]


def _cost(job: GravityJob, particles: int | None) -> list[str]:
    """Core seconds of the kernels in one step, at the rate of a fast core."""
    if particles is None:
        return ["Cost", "  depends on the number of particles, which the input file knows"]
    seconds = evaluation_seconds(job, particles)
    return [
        "Cost",
        f"  forces of one step: about {seconds:.2g} core seconds for {particles} particles "
        "(`check` measures it here)",
        f"  memory: {BYTES_PER_PARTICLE} bytes per particle, tree and exchange buffers included",
    ]
