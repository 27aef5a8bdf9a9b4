"""Snapshots of a plasma as openPMD files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from hpcphys.io.blocks import Block
from hpcphys.io.openpmd import Mesh, Rows, Setting, sampled, write_openpmd
from hpcphys.physics.plasma.staggering import place_in_cell
from hpcphys.run.plasmas.assembly import Parts
from hpcphys.run.plasmas.declaration import ORDERS

PATTERN = "openpmd/plasma_{index:05d}.h5"

QUANTITIES = {"E": "electric field", "B": "magnetic field", "J": "current density", "rho": "charge density"}
SOLVERS = {
    "yee": "Yee", "cole_karkkainen_cowan": "CK", "psatd": "PSATD", "electrostatic": "other", "none": "none",
}  # fmt: skip
PUSHERS = {"boris": "Boris", "vay": "Vay", "higuera_cary": "other"}
SIDES = {"periodic": "periodic", "conducting": "reflecting", "reflecting": "reflecting", "absorbing": "open"}
TENSOR = ("xx", "yy", "zz", "xy", "xz", "yz")


def write_snapshot(path: Path, job: Any, parts: Parts, communicator: Any, state: Any, text: str) -> None:
    """Fields, moments and particles that [output] asks for; collective.  Raises DataFileError."""
    if communicator.rank == 0:
        path.parent.mkdir(exist_ok=True)
    communicator.barrier()
    meshes = _fields(job, parts)
    for name, particles in parts.species.items():
        meshes |= _moments(job, parts, name, particles)
    species = {
        name: sampled(_rows(parts, particles), job.species[name].sample)
        for name, particles in parts.species.items()
        if job.output.particles and job.species[name].sample > 0.0
    }
    write_openpmd(
        path, communicator, meshes, species, setting_of(job, parts), step=state.step, time=state.time,
        dt=job.time.step, job=text,
    )  # fmt: skip


def setting_of(job: Any, parts: Parts) -> Setting:
    """What openPMD files say of the grid and the methods."""
    declaration = parts.declaration
    passes = job.fields.filter_passes
    return Setting(
        declaration.axes, declaration.spacing, declaration.lower,
        declaration.constants.scales(declaration.dimension),
        field_boundary=[SIDES[side] for sides in declaration.field_sides for side in sides],
        particle_boundary=[SIDES[side] for sides in declaration.particle_sides for side in sides],
        solver=SOLVERS[job.fields.solver], pusher=PUSHERS[job.particles.pusher],
        shape=float(ORDERS[job.particles.shape]),
        smoothing=f"Binomial, {passes} passes" if passes else "none",
        interpolation={"energy": "energyConserving", "momentum": "momentumConserving"}[job.particles.gather],
    )  # fmt: skip


def _fields(job: Any, parts: Parts) -> dict[str, Mesh]:
    blocks, dimension = parts.blocks, parts.declaration.dimension
    found = {}
    for name in job.output.fields:
        if name == "rho":
            rho = parts.deposited() if parts.is_electromagnetic else parts.field.rho
            found["rho"] = Mesh({"": _block(blocks, rho)}, {"": (0.0,) * dimension}, QUANTITIES[name])
        elif hasattr(parts.field, name):
            array = getattr(parts.field, name)
            found[name] = Mesh(
                {axis: _block(blocks, array[c]) for c, axis in enumerate("xyz")},
                {axis: place_in_cell(name, c, dimension) for c, axis in enumerate("xyz")},
                QUANTITIES[name],
            )
    return found


def _moments(job: Any, parts: Parts, name: str, particles: Any) -> dict[str, Mesh]:
    """Moments of a species on the nodes, from density, mean velocity and stress."""
    wanted = set(job.output.moments)
    if not wanted:
        return {}
    names = ["density"]
    if wanted & {"current", "velocity", "temperature", "pressure"}:
        names += ["v_x", "v_y", "v_z"]
    if wanted & {"temperature", "pressure"}:
        names += [f"p_{pair}" for pair in TENSOR]
    sums = particles.moments(*names)
    parts.blocks.sum(sums)
    values = dict(zip(names, sums, strict=True))
    density = values["density"]
    filled = np.where(density > 0.0, density, 1.0)
    flow = {axis: values[f"v_{axis}"] / filled for axis in "xyz"} if "v_x" in values else {}
    found: dict[str, tuple[dict[str, Any], str]] = {"density": ({"": density}, "number density")}
    if flow:
        charge = particles.species.charge
        found["current"] = ({a: charge * values[f"v_{a}"] for a in "xyz"}, "current density")
        found["velocity"] = (flow, "velocity")
    if "p_xx" in values:
        mass = particles.species.mass
        stress = {
            pair: values[f"p_{pair}"] - mass * density * flow[pair[0]] * flow[pair[1]] for pair in TENSOR
        }
        found["pressure"] = (stress, "pressure")
        found["temperature"] = ({a: stress[2 * a] / filled for a in "xyz"}, "energy")
    nodes = (0.0,) * parts.declaration.dimension
    return {
        f"{moment}_{name}": Mesh(
            {axis: _block(parts.blocks, array) for axis, array in components.items()},
            dict.fromkeys(components, nodes), quantity,
        )
        for moment, (components, quantity) in found.items()
        if moment in wanted
    }  # fmt: skip


def _block(blocks: Any, array: Any) -> Block:
    part = blocks.block(array)
    return Block(part.array, part.substart, part.shape)


def _rows(parts: Parts, particles: Any) -> Rows:
    rows, species = particles.rows(), particles.species
    return Rows(
        rows["position"] + np.array(parts.declaration.lower), np.asarray(rows["momentum"], dtype=float),
        np.asarray(rows["weight"], dtype=float), species.mass, species.charge, rows.get("id"),
    )  # fmt: skip
