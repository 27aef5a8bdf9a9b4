"""`hpcphys explain` for flows: equations, formulation, program, what is conserved, cost."""

from __future__ import annotations

from typing import Any

from hpcphys.run.fluids import assembly
from hpcphys.run.fluids.initial_tables import Rest
from hpcphys.run.fluids.job import FluidJob
from hpcphys.run.fluids.rules import cutoff

POINTS = 33
"""Enough to compile the program; its text does not depend on the number."""


def explanation(job: FluidJob) -> str:
    """Equations as text and LaTeX, formulation, program with its pieces, conservation, cost; no MPI, no
    run."""
    from hpcphys.decomposition.communicator import Communicator
    from hpcphys.kernels import backend
    from hpcphys.report.timers import Timers
    from hpcphys.run.fluids.kind import KIND

    update: dict[str, Any] = {
        "grid": job.grid.model_copy(update={"points": POINTS}),
        "initial": Rest(model="rest"),
    }
    if job.forcing is not None:
        update["forcing"] = job.forcing.model_copy(update={"wavenumber": 4.0, "width": 1.5})
    communicator = Communicator.serial()
    device = backend("cpu" if job.run.backend == "auto" else job.run.backend, threads=1)
    small = job.model_copy(update=update)
    program = KIND.simulation(small, device, communicator, Timers(communicator), None, None).program
    return "\n".join([*_equations(job), program.explain(), *_conserved(job), *_cost(job)])


def _equations(job: FluidJob) -> list[str]:
    fluid, force = job.fluid, job.forcing
    terms, latex = ["dω/dt = -u·∇ω"], [r"\partial_t \omega + u \cdot \nabla \omega = "]
    right = []
    if fluid.viscosity or fluid.viscosity_rate:
        terms.append(f"- ν (-Δ)^{fluid.viscosity_order} ω")
        right.append(rf"-\nu (-\Delta)^{{{fluid.viscosity_order}}} \omega")
    if fluid.drag:
        terms.append("- μ ω" if fluid.drag_order == 0 else f"- μ (-Δ)^-{fluid.drag_order} ω")
        right.append(
            r"-\mu \omega" if fluid.drag_order == 0 else rf"-\mu (-\Delta)^{{-{fluid.drag_order}}} \omega"
        )
    if force is not None:
        terms.append(
            f"+ f,  white in time on | |k| - {force.wavenumber:g} | <= {force.width:g}, "
            f"ε = {force.energy_rate:g}"
        )
        right.append("+ f")
    damping = assembly.damping_of(job, cutoff(job.grid, fluid))
    lines = ["Equations", "  " + " ".join(terms), "  ω = ∂x v - ∂y u,  û = i k_y ω̂/k²,  v̂ = -i k_x ω̂/k²"]
    if damping.viscosity or damping.drag:
        lines.append(f"  ν = {damping.viscosity:.6g}, μ = {damping.drag:.6g}")
    lines += ["LaTeX", "  " + latex[0] + (" ".join(right) or "0")]
    return [*lines, "Formulation", *_formulation(job)]


def _formulation(job: FluidJob) -> list[str]:
    largest = cutoff(job.grid, job.fluid)
    if job.fluid.model == "zeitlin":
        return [
            f"  ω = Σ w_k T_k, Hermitian {job.grid.points} x {job.grid.points} matrices; the Jacobian's",
            "  p x q becomes (N/πs) sin(πs p x q/N)",
            f"  all modes up to K = {largest} take part, wavenumbers are taken modulo N: no aliases",
        ]
    dealias = {
        "two_thirds": "2/3 rule: |k_x|, |k_y| <= K, products exact for the kept modes",
        "hou_li": "Hou and Li's filter exp(-36 (k_x/K)^36 - 36 (k_y/K)^36): aliases are damped, not removed",
    }[job.fluid.dealias]
    return [
        "  dω̂/dt = -k_x k_y FT(u² - v²) + (k_x² - k_y²) FT(u v)   (Basdevant 1983)",
        "  w = u + i v comes from one complex transform, (u² - v²) + 2i u v goes back in one: four real",
        "  transforms, of the kept columns alone; the advective form needs five",
        f"  {dealias}; K = {largest}",
    ]


def _conserved(job: FluidJob) -> list[str]:
    """What theory says of energy, enstrophy and the other Casimirs."""
    if job.fluid.model == "zeitlin":
        return [
            "Conserved",
            "  all Casimirs tr W^m, the enstrophy among them: to rounding (W keeps its eigenvalues)",
            "  energy: oscillates by O(dt^p) without trend, p the order of the composition",
        ]
    how = {
        "rk4": "the truncation keeps them, the integrator to O(dt^5) over a fixed time",
        "midpoint": "to rounding (the truncation keeps them, and so does the implicit midpoint)",
    }[job.time.integrator]
    if job.fluid.dealias == "hou_li":
        how = "nearly, as far as aliases are damped"
    return [
        "Conserved",
        f"  energy and enstrophy, by u·∇ω: {how}; with damping and forcing their budgets close likewise",
        "  higher Casimirs <ω³>, <ω⁴>, ...: not by a Fourier-Galerkin truncation; model = 'zeitlin' does",
    ]


def _cost(job: FluidJob) -> list[str]:
    """Transforms or products, and traffic."""
    n = job.grid.points
    if job.fluid.model == "zeitlin":
        return [
            "Cost",
            f"  an iteration: 1 + 5/8 complex products of {n} x {n} matrices; about ten iterations a step",
        ]
    real = 4 if job.fluid.precision == "single" else 8
    kept = "2/3" if job.fluid.dealias == "two_thirds" else "all"
    each = 8.0 * real / 3.0 if job.fluid.dealias == "two_thirds" else 4.0 * real
    return [
        "Cost",
        f"  a right-hand side: 4 real transforms of {n} x {n} points, {kept} of their columns",
        "  a step: 4 right-hand sides with Runge-Kutta, as many as it takes with the midpoint",
        f"  sent by each of P ranks per right-hand side: {each:.3g} N²/P bytes",
    ]
