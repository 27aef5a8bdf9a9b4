"""The schema of job files of flows: [system] kind = "fluid".

Lengths and times are in the job's own units; energies are means per unit of mass. Where a key has a name in
GeophysicalFlows, its description gives it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from hpcphys.run.fluids.initial_tables import Initial, Seed
from hpcphys.run.job import Job, Limits, NonNegative, Output, Positive, System, Table, Time
from hpcphys.run.units import Quantity

ISOSPECTRAL = {
    "isospectral_midpoint": "leapfrog",
    "isospectral_yoshida4": "yoshida4",
    "isospectral_suzuki4": "suzuki4",
    "isospectral_kahan_li6": "kahan_li6",
}
"""Integrator of Zeitlin's model -> composition of the isospectral midpoint."""

if TYPE_CHECKING:  # a type checker cannot know names that are found when the program runs
    FluidIntegrator = str
else:
    FluidIntegrator = Literal[("rk4", "midpoint", *ISOSPECTRAL)]


class FluidSystem(System):
    """Which physics."""

    kind: Literal["fluid"] = Field(
        description="the physical system; 'fluid': two-dimensional Euler or Navier-Stokes flow"
    )


class Grid(Table):
    """The periodic square."""

    points: int = Field(
        ge=8,
        le=1 << 17,
        description="points along each axis (powers of 2, or products of 2, 3, 5, 7, are fast); for "
        "Zeitlin's model the size N of the matrix",
    )
    length: Positive = Field(
        6.283185307179586, description="length L of its sides; 2π: wavenumbers are integers"
    )


class Fluid(Table):
    """The equation of motion, dω/dt + u·∇ω = -ν (-Δ)^p ω - μ (-Δ)^-q ω + f, and how it is truncated.

    Damping is exact (an integrating factor), however strong.
    """

    model: Literal["pseudospectral", "zeitlin"] = Field(
        "pseudospectral",
        description="Fourier-Galerkin truncation, which keeps energy and enstrophy; or Zeitlin's sine "
        "bracket, which keeps analogues of all Casimirs (no damping, no forcing)",
    )
    precision: Literal["double", "single"] = Field("double", description="of the field and its transforms")
    dealias: Literal["two_thirds", "hou_li"] = Field(
        "two_thirds",
        description="products are freed of aliases by the 2/3 rule, exactly; or damped by Hou and Li's "
        "smooth filter, which keeps more modes",
    )
    sine_angle: Literal["weyl", "zeitlin"] = Field(
        "weyl",
        description="zeitlin: the sine bracket of Weyl's quantisation, any size, or that of the first "
        "papers, odd sizes, whose error is four times as large",
    )
    viscosity: NonNegative = Field(0.0, description="ν (GeophysicalFlows: ν)")
    viscosity_rate: Positive | None = Field(
        None,
        description="instead of viscosity: the damping rate ν K^2p at the largest wavenumber K of an axis",
    )
    viscosity_order: int = Field(
        1, ge=1, le=32, description="p: 1 is viscosity, more hyperviscosity (GeophysicalFlows: nν)"
    )
    drag: NonNegative = Field(0.0, description="μ (GeophysicalFlows: μ)")
    drag_order: int = Field(
        0, ge=0, le=8, description="q: 0 is linear drag, more hypoviscosity (GeophysicalFlows: -nμ)"
    )


class Forcing(Table):
    """White noise in time on a ring of wavenumbers: energy_rate is what it injects on average.

    Random numbers belong to steps and modes: neither ranks nor threads change them.
    """

    wavenumber: Positive = Field(description="k_f, the middle of the ring, in units of 2π/length")
    width: Positive = Field(1.5, description="half width of the ring, in units of 2π/length")
    energy_rate: Positive = Field(1.0, description="ε, energy per time")
    seed: Seed = Field(1, description="seed of the noise")


class Diagnostics(Table):
    """What is measured besides energies."""

    spectra_every: int = Field(
        100, ge=0, description="steps between spectra, transfers and fluxes in spectra.h5; 0: none"
    )
    average_from: NonNegative = Field(0.0, description="time at which the averages of spectra begin")
    average_to: Positive | None = Field(None, description="time at which they end; none: with the run")
    fit_min: Positive | None = Field(
        None, description="least wavenumber of the fitted slope, fixed before the run; none: no fit"
    )
    fit_max: Positive | None = Field(None, description="largest wavenumber of the fitted slope")
    moments: int = Field(
        6, ge=2, le=16, description="moments <ω²> to <ω^moments>, the Casimirs of the continuum, are watched"
    )
    budget_every: int = Field(
        1, ge=1, description="steps between evaluations of the dissipation, whose integral closes the budget"
    )


class FluidTime(Time):
    """How far to go, in which steps, with which integrator."""

    integrator: FluidIntegrator = Field(
        "rk4",
        description="rk4: classical Runge-Kutta with the damping exact; midpoint: implicit, keeps energy and "
        "enstrophy to rounding; isospectral_...: for Zeitlin's model, the midpoint rule that keeps all its "
        "Casimirs, of order 2, and its compositions",
    )
    adaptive: bool = Field(
        False, description="let the step follow the largest speed, at the Courant number cfl"
    )
    cfl: Annotated[float, Field(gt=0, le=0.95)] = Field(
        0.5,
        description="Courant number of adaptive steps: largest speed times step over grid spacing; 0.95 "
        "is the most that Runge-Kutta bears",
    )
    max_step: Annotated[Positive | None, Quantity("time")] = Field(
        None, description="longest adaptive step; needed where the flow starts at rest"
    )


class FluidLimits(Limits):
    """When a run has failed."""

    energy_error: Positive | None = Field(
        None,
        description="largest allowed error of the energy's budget, relative to the energy there was and "
        "came; none: no limit",
    )
    enstrophy_error: Positive | None = Field(None, description="likewise of the enstrophy's budget")


class FluidOutput(Output):
    """What is written, where, how often."""

    snapshots: bool = Field(True, description="write snapshots of the vorticity (HDF5 with XDMF)")


class FluidJob(Job):
    """A whole job file."""

    system: FluidSystem
    grid: Grid
    fluid: Fluid = Fluid()
    forcing: Forcing | None = None
    initial: Initial
    time: FluidTime
    diagnostics: Diagnostics = Diagnostics()
    output: FluidOutput = FluidOutput()
    limits: FluidLimits = FluidLimits()
