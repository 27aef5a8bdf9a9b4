"""From a valid job to its parts: blocks, fields, particles, given fields, the program."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from hpcphys.compiler import State, compile_structure
from hpcphys.decomposition.grids import GridBlocks, GridError
from hpcphys.initial.plasma import Box, Loading, LoadingError, loaded
from hpcphys.initial.plasma.loading import reach_of
from hpcphys.io.openpmd import read_species
from hpcphys.physics.plasma.electrostatic import ElectrostaticField
from hpcphys.physics.plasma.fields import (
    Antenna,
    ExternalFields,
    Maxwell,
    Poisson,
    gaussian_pulse,
    plane_wave,
)
from hpcphys.physics.plasma.fields.antennas import peak_field
from hpcphys.physics.plasma.fields.geometry import FieldGeometry
from hpcphys.physics.plasma.particles import ParticleError, Particles, Species
from hpcphys.physics.plasma.splitting import hamiltonian_splitting
from hpcphys.physics.plasma.staggering import place_in_cell
from hpcphys.physics.plasma.system import (
    ELECTROSTATIC_LEAPFROG,
    LEAPFROG,
    electromagnetic,
    electrostatic,
)
from hpcphys.run.errors import JobError
from hpcphys.run.plasmas.declaration import (
    ELECTROMAGNETIC,
    ORDERS,
    Declaration,
    SpeciesDeclaration,
)
from hpcphys.run.plasmas.job import PlasmaJob

REAL = {"single": np.float32, "double": np.float64}
GUARDS_LEAST = 2


@dataclass
class Parts:
    """What a plasma is made of on this rank.

    field: Maxwell or ElectrostaticField;  magnetic: the uniform B of an electrostatic run, or None
    """

    declaration: Declaration
    blocks: Any
    species: dict[str, Any]
    field: Any
    external: ExternalFields
    magnetic: np.ndarray | None
    is_electromagnetic: bool
    antennas: list[Any]

    def deposited(self) -> Any:
        """ρ of all species on the nodes; guards summed.  Collective."""
        return sum(self.deposited_by_species())

    def deposited_by_species(self) -> list[Any]:
        """ρ of each species on the nodes; guards summed.  Collective."""
        found = []
        for each in self.species.values():
            rho = self.blocks.backend.zeros(tuple(self.blocks.local_shape), each.real)
            each.deposit_charge(rho)
            self.field.finish_charge(rho)
            found.append(rho)
        return found

    def kick(self, dt: float, time: float) -> None:
        """Momenta of all species by dt in the fields of this moment; places stay."""
        own = self.field.B if self.is_electromagnetic else None
        electric, magnetic = self.external.total(self.field.E, own, time)
        for each in self.species.values():
            if self.is_electromagnetic:
                each.kick(electric, magnetic, dt)
            else:
                each.kick(electric, None, dt, self.magnetic)


def momentum_lag(job: PlasmaJob) -> float:
    """How far momenta are behind positions and fields: half a step of the leapfrog [time]."""
    return 0.5 * job.time.step if job.time.integrator == "leapfrog" else 0.0


def guards_of(job: PlasmaJob) -> int:
    """Layers around a block: what shapes and stencils reach."""
    order = ORDERS[job.particles.shape]
    return max(GUARDS_LEAST, order + 1 + (order == 3))


def parts_of(job: PlasmaJob, declaration: Declaration, backend: Any, communicator: Any) -> Parts:
    """Fields and empty species of a job on this rank.

    Raises JobError, on all ranks, for too many ranks or methods that do not go together.
    """
    real, electro = REAL[job.particles.precision], job.fields.solver in ELECTROMAGNETIC
    try:
        blocks = GridBlocks(
            declaration.cells, communicator, guards_of(job), periodic=declaration.periodic, backend=backend
        )
        field = _field(job, declaration, blocks, real, backend)
        species = {name: _species(job, declaration, name, blocks, backend) for name in declaration.species}
    except (GridError, ParticleError, ValueError) as problem:
        raise JobError([f"grid.cells: {problem}"]) from problem
    magnetic = None
    if not electro:
        uniform = np.array([each.constant or 0.0 for each in declaration.external_magnetic])
        magnetic = uniform if uniform.any() else None
    external = _external(job, declaration, blocks, communicator)
    try:
        antennas = _antennas(job, declaration, field) if electro else []
    except ValueError as problem:
        raise JobError([f"lasers: {problem}"]) from problem
    return Parts(declaration, blocks, species, field, external, magnetic, electro, antennas)


def _external(job: PlasmaJob, declaration: Declaration, blocks: Any, communicator: Any) -> ExternalFields:
    """What [external] gives, B of electrostatic runs apart.  Raises JobError, on all ranks."""
    given = {"E": declaration.external_electric, "B": declaration.external_magnetic}
    texts = {"E": job.external.electric, "B": job.external.magnetic}
    if job.fields.solver not in ELECTROMAGNETIC:
        del given["B"]
    expressions = {
        f"{name}_{axis}": texts[name][component]
        for name, stated in given.items()
        for component, axis in enumerate("xyz")
        if stated[component].constant != 0.0
    }
    problem, found = "", None
    try:
        found = ExternalFields(
            FieldGeometry(blocks, declaration.spacing, job.particles.precision), expressions,
            origin=declaration.lower, parameters=job.particles.parameters,
            definitions=job.particles.definitions,
        )  # fmt: skip
    except ValueError as error:
        problem = str(error)
    if everyone := [text for text in communicator.allgather(problem) if text]:
        raise JobError([f"external: {everyone[0]}"])
    return found


def _field(job: PlasmaJob, declaration: Declaration, blocks: Any, real: Any, backend: Any) -> Any:
    constants, spacing = declaration.constants, declaration.spacing
    sides = dict(enumerate(declaration.field_sides))
    if job.fields.solver in ELECTROMAGNETIC:
        return Maxwell(
            blocks, spacing, solver=job.fields.solver, light_speed=constants.light_speed,
            permittivity=constants.permittivity, precision=job.particles.precision, boundaries=sides,
            layers=job.fields.layers, filter_passes=job.fields.filter_passes,
            compensated=job.fields.filter_compensated,
        )  # fmt: skip
    poisson = None
    if job.fields.solver == "electrostatic":
        poisson = poisson_of(job, declaration, blocks)
    return ElectrostaticField(blocks, spacing, poisson, constants.permittivity, real)


def poisson_of(job: PlasmaJob, declaration: Declaration, blocks: Any) -> Poisson:
    """The solver for the field of charges; absorbing sides are grounded conductors to it."""
    sides = {
        axis: tuple("conducting" if side == "absorbing" else side for side in pair)
        for axis, pair in enumerate(declaration.field_sides)
    }
    return Poisson(
        blocks, declaration.spacing, permittivity=declaration.constants.permittivity,
        precision=job.particles.precision, boundaries=sides,
    )  # fmt: skip


def _antennas(job: PlasmaJob, declaration: Declaration, field: Any) -> list[Antenna]:
    """What sends the waves of [lasers].  Raises ValueError for a wavelength that is not resolved."""
    found, constants = [], declaration.constants
    for table in job.lasers.values():
        axis = "xyz".index(table.axis)
        frequency = 2.0 * math.pi * constants.light_speed / table.wavelength
        others = [a for a in range(declaration.dimension) if a != axis]
        middle = table.centre or [0.5 * (declaration.lower[a] + declaration.upper[a]) for a in others]
        if table.duration is None:
            waveform = plane_wave(frequency, rise=table.peak, phase=table.phase)
        else:
            waveform = gaussian_pulse(
                frequency, waist=table.waist or math.inf, duration=table.duration, centre=table.peak,
                focus=table.focus, transverse_axes=len(others) if table.waist else 0,
                light_speed=constants.light_speed, phase=table.phase,
            )  # fmt: skip
        turned = ["xyz"[(axis + turn) % 3] for turn in (1, 2)]
        position = (table.position - declaration.lower[axis]) / declaration.spacing[axis]
        found.append(
            Antenna(
                field, axis=axis, position=round(position), frequency=frequency, waveform=waveform,
                amplitude=peak_field(
                    table.a0, frequency, mass_per_charge=constants.mass / constants.charge,
                    light_speed=constants.light_speed,
                ),
                dt=job.time.step, polarisation=[float(table.polarisation == each) for each in turned],
                centre=[(m - declaration.lower[a]) / declaration.spacing[a]
                        for m, a in zip(middle, others, strict=True)],
            )
        )  # fmt: skip
    return found


def _species(job: PlasmaJob, declaration: Declaration, name: str, blocks: Any, backend: Any) -> Any:
    table, given = job.species[name], declaration.species[name]
    relativistic = job.particles.relativistic
    if relativistic is None:
        relativistic = job.fields.solver != "electrostatic" and job.time.integrator == "leapfrog"
    density = given.density.constant
    volume = math.prod(declaration.spacing)
    one = None if density is None or table.path is not None else density * volume / given.per_cell
    walls = {axis: sides for axis, sides in enumerate(declaration.particle_sides) if sides[0] != "periodic"}
    return Particles(
        Species(
            name, given.charge, given.mass, relativistic=relativistic, pusher=job.particles.pusher,
            weight=one or None, tracked=table.tracked,
        ),
        blocks, declaration.spacing, order=ORDERS[job.particles.shape], precision=job.particles.precision,
        backend=backend, light_speed=declaration.constants.light_speed, gather=job.particles.gather,
        boundaries=walls,
    )  # fmt: skip


def fill(job: PlasmaJob, parts: Parts, communicator: Any) -> None:
    """Load every species; collective.  Raises JobError on all ranks, DataFileError for a file."""
    box = Box(
        parts.blocks.shape, parts.declaration.lower, parts.declaration.spacing, parts.declaration.periodic,
        parts.blocks.start, parts.blocks.count,
    )  # fmt: skip
    problem = ""
    for index, (name, particles) in enumerate(parts.species.items()):
        try:
            if job.species[name].path is not None:
                _from_file(job.species[name].path, name, parts, particles)
            else:
                loading = _loading(job, name, parts.declaration.species[name], index, parts.declaration)
                reach = int(communicator.allreduce(reach_of(loading, box), "max"))
                for part in loaded(loading, box, reach):
                    _add(particles, part.position - np.array(box.lower), part.momentum, part.weight, part.id)
        except (LoadingError, ParticleError) as error:
            problem = f"species.{name}: {error}"
        everyone = [text for text in communicator.allgather(problem) if text]
        if everyone:
            raise JobError([everyone[0]])
        particles.migrate()


def mirrored_components(given: SpeciesDeclaration) -> tuple[int, ...]:
    """Components across x that are warm: as many as the number of particles in a cell can be halved by."""
    warm = [component for component in (1, 2) if given.thermal[component].constant != 0.0]
    while warm and given.per_cell % (1 << len(warm)):
        warm.pop()
    return tuple(warm)


def _loading(
    job: PlasmaJob, name: str, given: SpeciesDeclaration, index: int, declaration: Declaration
) -> Loading:
    return Loading(
        given.per_cell, given.density.function, [each.function for each in given.drift],
        thermal=[each.function for each in given.thermal],
        temperature=None if given.temperature is None else given.temperature.function,
        displacement=[each.function for each in given.displacement], layout=job.species[name].layout,
        mirrored=mirrored_components(given),
        light_speed=declaration.constants.light_speed, seed=job.particles.seed, species=index,
    )  # fmt: skip


def _from_file(path: str, name: str, parts: Parts, particles: Any) -> None:
    """The rows of a snapshot that lie in this rank's block."""
    declaration = parts.declaration
    low = np.array(parts.blocks.start) * np.array(declaration.spacing)
    high = low + np.array(parts.blocks.count) * np.array(declaration.spacing)
    for rows in read_species(path, name, declaration.constants.scales(declaration.dimension)):
        position = rows.position - np.array(declaration.lower)
        mine = np.flatnonzero(np.all((position >= low) & (position < high), axis=1))
        identity = None if rows.id is None else rows.id[mine]
        _add(particles, position[mine], rows.momentum[mine], rows.weight[mine], identity)


def _add(particles: Any, position: Any, momentum: Any, weight: Any, identity: Any) -> None:
    species = particles.species
    particles.add(
        position, momentum, weight if species.weight is None else None,
        identity if species.tracked else None,
    )  # fmt: skip


def begin_fields(job: PlasmaJob, parts: Parts, communicator: Any) -> float:
    """E of the charges and what the job adds to it, B; collective.  Returns the background's charge density.

    Raises JobError, on all ranks, for a field that is not a number somewhere.
    """
    rho, blocks, declaration = parts.deposited(), parts.blocks, parts.declaration
    background = 0.0
    if all(declaration.periodic):
        total = float(np.sum(blocks.backend.host(rho)[blocks.owned], dtype=np.float64))
        background = -communicator.allreduce(total, "sum") / math.prod(blocks.shape)
    if not parts.is_electromagnetic:
        parts.field.rho[...] = rho
        return background
    rho += background
    poisson_of(job, declaration, blocks).solve(rho, parts.field.E)
    for name, given in (("E", declaration.electric), ("B", declaration.magnetic)):
        array = getattr(parts.field, name)
        for component, stated in enumerate(given):
            if stated.constant == 0.0:
                continue
            place = place_in_cell(name, component, declaration.dimension)
            between = [bool(at) for at in place]
            along = parts.field.geometry.coordinates(between, declaration.lower)
            values = stated.function(*np.meshgrid(*along, indexing="ij", sparse=True))
            if communicator.agree(0 if np.isfinite(values).all() else 1):
                key = {"E": "electric", "B": "magnetic"}[name]
                raise JobError([f"fields.{key}: component {'xyz'[component]} is not a number somewhere"])
            array[component] += blocks.backend.array(values.astype(array.dtype))
    parts.field.fill_E()
    parts.field.fill_B()
    return background


def state_of(parts: Parts) -> State:
    """The state that the program moves: one row, the owned parts of the fields."""
    inside = (None, ..., *parts.blocks.nodes)
    names = ("E", "B", "J") if parts.is_electromagnetic else ("rho",)
    return State({name: getattr(parts.field, name)[inside] for name in names})


def program_of(job: PlasmaJob, parts: Parts, state: State, timers: Any = None) -> Any:
    """The leapfrog or the splitting of the job on a state."""
    if job.time.integrator == "hamiltonian_splitting":
        system = hamiltonian_splitting(state, parts.species, parts.field, parts.external)
        return compile_structure(system, job.time.composition, dt=job.time.step, timers=timers)
    if parts.is_electromagnetic:
        system = electromagnetic(state, parts.species, parts.field, parts.external, parts.antennas)
        return compile_structure(system, LEAPFROG, dt=job.time.step, timers=timers)
    system = electrostatic(state, parts.species, parts.field, parts.external, parts.magnetic)
    return compile_structure(system, ELECTROSTATIC_LEAPFROG, dt=job.time.step, timers=timers)
