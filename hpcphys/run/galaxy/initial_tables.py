"""The [initial] table: one class for each model of initial conditions.

The models themselves, with their equations and sources, are in hpcphys/initial/; a test compares the two.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field

from hpcphys.run.job import Positive, Table
from hpcphys.run.units import Quantity

Length = Annotated[Positive, Quantity("length")]
Mass = Annotated[Positive, Quantity("mass")]
Fraction = Annotated[float, Field(ge=0, le=1)]


class Drawn(Table):
    """Keys of every model that is drawn at random."""

    particles: int = Field(10000, ge=1, description="number of particles")
    seed: int = Field(
        1, ge=0, lt=2**63, description="seed of the realisation, the same for any number of ranks"
    )


class Spherical(Table):
    """Keys of the isotropic spheres."""

    mass: Mass = Field(1.0, description="total mass")
    virial_ratio: Annotated[float, Field(ge=0, le=2)] = Field(
        1.0, description="2T/|W|: 1 is equilibrium, 0.1 a cold collapse"
    )


class PlummerSphere(Spherical):
    """Plummer sphere."""

    model: Literal["plummer"]
    scale_radius: Length = Field(3.0 * math.pi / 16.0, description="scale radius a; 3π/16 gives Hénon units")


class HernquistSphere(Spherical):
    """Hernquist sphere."""

    model: Literal["hernquist"]
    scale_radius: Length = Field(1.0, description="scale radius a")
    cutoff: Positive = Field(100.0, description="largest radius drawn, in scale radii")


class KingSphere(Spherical):
    """King sphere."""

    model: Literal["king"]
    scale_radius: Length = Field(1.0, description="King (core) radius r₀")
    w0: Annotated[float, Field(ge=0.1, le=16)] = Field(6.0, description="central potential W₀ in units of σ²")


class NfwSphere(Spherical):
    """Navarro-Frenk-White halo with a smooth edge."""

    model: Literal["nfw"]
    scale_radius: Length = Field(1.0, description="scale radius r_s")
    concentration: Annotated[float, Field(ge=1, allow_inf_nan=False)] = Field(
        10.0, description="radius of the edge in scale radii"
    )


class DiscGalaxy(Table):
    """Exponential disc in a halo, with a bulge if asked."""

    model: Literal["disc"]
    mass: Mass = Field(1.0, description="total mass")
    scale_radius: Length = Field(1.0, description="scale length R_d of the disc")
    disc_fraction: Annotated[float, Field(ge=1e-6, le=0.99)] = Field(
        0.05, description="share of the mass in the disc"
    )
    bulge_fraction: Fraction = Field(0.0, description="share of the mass in the bulge")
    disc_share: Fraction = Field(0.3, description="share of the particles in the disc")
    bulge_share: Fraction = Field(0.1, description="share of the particles in the bulge, if there is one")
    disc_height: Positive = Field(0.1, description="scale height z₀ in units of R_d")
    toomre_q: Annotated[float, Field(ge=0, le=100)] = Field(
        1.5, description="Toomre's Q at two scale lengths"
    )
    halo_profile: Literal["hernquist", "nfw"] = Field("hernquist", description="profile of the halo")
    halo_scale_radius: Positive = Field(8.0, description="scale radius of the halo in units of R_d")
    halo_cutoff: Annotated[float, Field(ge=1, le=1000)] = Field(
        20.0, description="edge of the halo in its scale radii"
    )
    bulge_scale_radius: Positive = Field(0.2, description="scale radius of the bulge in units of R_d")


class Plummer(Drawn, PlummerSphere):
    """Plummer sphere."""


class Hernquist(Drawn, HernquistSphere):
    """Hernquist sphere."""


class King(Drawn, KingSphere):
    """King sphere."""


class Nfw(Drawn, NfwSphere):
    """Navarro-Frenk-White halo with a smooth edge."""


class Disc(Drawn, DiscGalaxy):
    """Exponential disc in a halo, with a bulge if asked."""


class Turned(Table):
    """How a galaxy of an encounter lies against the plane of its orbit."""

    inclination: Annotated[float, Field(allow_inf_nan=False)] = Field(
        0.0, description="turn about x in degrees"
    )
    node: Annotated[float, Field(allow_inf_nan=False)] = Field(
        0.0, description="then turn about z in degrees"
    )


class TurnedPlummer(Turned, PlummerSphere):
    """Plummer sphere in an encounter."""


class TurnedHernquist(Turned, HernquistSphere):
    """Hernquist sphere in an encounter."""


class TurnedKing(Turned, KingSphere):
    """King sphere in an encounter."""


class TurnedNfw(Turned, NfwSphere):
    """Navarro-Frenk-White halo in an encounter."""


class TurnedDisc(Turned, DiscGalaxy):
    """Disc galaxy in an encounter."""


Galaxy = Annotated[
    TurnedPlummer | TurnedHernquist | TurnedKing | TurnedNfw | TurnedDisc, Field(discriminator="model")
]


class Encounter(Drawn):
    """Two galaxies on a Kepler orbit about each other."""

    model: Literal["encounter"]
    primary: Galaxy = Field(
        TurnedPlummer(model="plummer"), description="the first galaxy: a table with its own model"
    )
    secondary: Galaxy = Field(TurnedPlummer(model="plummer"), description="the second galaxy")
    primary_share: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        None, description="share of the particles in the primary; none: by mass"
    )
    pericentre: Length = Field(1.0, description="closest approach of the orbit, as of two point masses")
    eccentricity: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        1.0, description="1 is a parabola"
    )
    separation: Length = Field(10.0, description="distance of the centres at the start")


class TwoBody(Table):
    """Two particles on a Kepler orbit."""

    model: Literal["two_body"]
    particles: Literal[2] = Field(2, description="two")
    mass: Mass = Field(1.0, description="total mass")
    mass_ratio: Positive = Field(1.0, description="mass of the second over mass of the first")
    semi_major_axis: Length = Field(1.0, description="semi-major axis of the relative orbit")
    eccentricity: Annotated[float, Field(ge=0, lt=1)] = Field(0.0, description="eccentricity of the orbit")


class File(Table):
    """Particles of a snapshot (GADGET-4 HDF5)."""

    model: Literal["file"]
    path: str = Field(min_length=1, description="the snapshot, relative to the job file")


Initial = Annotated[
    Plummer | Hernquist | King | Nfw | Disc | Encounter | TwoBody | File, Field(discriminator="model")
]
