"""Rigid molecules of a liquid: lengths, energy, degrees of freedom, pressure, and what is refused."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from hpcphys.compiler import OperationError, compile_structure
from hpcphys.compiler.constraints import ConstraintError
from hpcphys.decomposition.communicator import Communicator
from hpcphys.kernels import backend
from hpcphys.physics.liquids import (
    CellRescaling,
    Langevin,
    MartynaTobiasKlein,
    NoseHooverChain,
    RigidMolecules,
    Template,
    VelocityRescaling,
    chain,
    conserved,
    dumb_bell,
    liquid,
    maxwell_boltzmann,
    pressure_tensor,
    three_site,
)

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from small_liquids import AllPairs, IdealGas, bond_errors, molecules, vectors_of

CPU, ALONE = backend("cpu", threads=1), Communicator.serial()
WATER = three_site((0, 1, 1), 0.5, 1.9106)
KINDS = {
    "dumb-bell": (dumb_bell((0, 0), 0.6), [1.0, 2.0], 1.9),
    "water": (WATER, [16.0, 1.0, 1.0], 2.3),
    "chain": (chain((0,) * 11, 0.5), [1.0] * 11, 6.0),
}


def rigid_liquid(kind, ensemble="nve", *, temperature=1.0, cutoff=1.7, cells=2, **options):
    template, masses, spacing = KINDS[kind]
    state, _ = molecules(template, cells, spacing, masses=masses)
    constraints = RigidMolecules([template], **options)
    field = AllPairs(ALONE, cutoff=cutoff)
    given = {"constraints": constraints}
    maxwell_boltzmann(state, temperature, CPU, ALONE, seed=3, exact=True, field=field, **given)
    return liquid(state, field, CPU, ALONE, ensemble=ensemble, **given)


def spread(system, dt, time=0.4):
    program, start, found = system.program(dt), conserved(system)["conserved"], []
    for _ in range(10):
        program.run(round(time / dt / 10))
        found.append(abs(conserved(system)["conserved"] - start))
    return max(found)


ENSEMBLES = {
    "nve": "nve",
    "chain": NoseHooverChain(1.0, 0.5),
    "mtk": MartynaTobiasKlein(1.0, 0.5, 0.5, 1.0),
    "mtk_flexible": MartynaTobiasKlein(1.0, 0.5, 0.5, 1.0, flexible=True),
}


@pytest.mark.parametrize("kind", KINDS)
def test_lengths_and_energy(kind):
    """Distances to 1e-10 and better, energy to second order."""
    errors = []
    for dt in (0.004, 0.002):
        system = rigid_liquid(kind)
        errors.append(spread(system, dt))
        length, along = bond_errors(system.state, KINDS[kind][0], vectors_of(system.state)[0, 0])
        assert length < 1e-11
        assert along < 1e-11
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2.0, abs=0.35)


@pytest.mark.parametrize("name", ["chain", "mtk", "mtk_flexible"])
def test_ensembles_with_rigid_water(name):
    # The box shrinks: the cutoff stays below half of it.
    systems = [rigid_liquid("water", ENSEMBLES[name], cutoff=1.3) for _ in range(2)]
    errors = [spread(system, dt) for system, dt in zip(systems, (0.004, 0.002), strict=True)]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2.0, abs=0.35)


def test_barostats_move_whole_molecules():
    bath = Langevin(1.0, 1.0)
    for ensemble in (ENSEMBLES["mtk"], CellRescaling(0.5, 0.2, 0.5, bath, every=1)):
        system = rigid_liquid("dumb-bell", ensemble)
        edge = vectors_of(system.state)[0, 0]
        system.program(0.004).run(60)
        now = vectors_of(system.state)[0, 0]
        assert abs(now / edge - 1) > 1e-3
        assert bond_errors(system.state, KINDS["dumb-bell"][0], now)[0] < 1e-11


def test_langevin_with_constraints_is_canonical():
    """g-BAOAB of free rotors: translation and rotation hold kT/2 for each of their five momenta."""
    template, _, _ = KINDS["dumb-bell"]
    state, _ = molecules(template, 12, 3.0, masses=[1.0, 2.0])
    constraints = RigidMolecules([template])
    maxwell_boltzmann(state, 0.5, CPU, ALONE, constraints=constraints, remove_centre=False)
    system = liquid(state, IdealGas(), CPU, ALONE, ensemble=Langevin(1.5, 1.0), constraints=constraints)
    assert system.setting.degrees == 5 * 12**3
    system.program(0.05).run(120)
    error = 4 * np.sqrt(2 / system.setting.degrees)
    motion = system.setting.motion
    assert system.setting.temperature(motion.kinetic_energy(state)) == pytest.approx(1.5, rel=error)
    centres = np.trace(constraints.kinetic_tensor(state, motion)) / (3 * 12**3)
    assert centres == pytest.approx(1.5, rel=4 * np.sqrt(2 / (3 * 12**3)))
    start = conserved(system)["conserved"]
    system.program(0.05).run(20)
    assert conserved(system)["conserved"] == pytest.approx(start, rel=1e-3)


def test_the_constraint_pass_projects_where_it_must():
    """g-BAOAB projects after kicks and the bath; a scaling thermostat needs no projection of its own."""
    names = [op.name for op in rigid_liquid("water", Langevin(1.0, 1.0)).program(0.002).operations]
    half = ["remember", "drift", "shake"]
    assert names == ["kick", *half, "rattle", "bath", *half, "pairs", "kick", "rattle"]
    names = [op.name for op in rigid_liquid("water", VelocityRescaling(1.0, 0.1)).program(0.002).operations]
    assert names == ["bath", "kick", "remember", "drift", "shake", "pairs", "kick", "rattle", "bath"]


def test_degrees_of_freedom_and_thermostats_of_groups():
    assert rigid_liquid("water").setting.degrees == 8 * 6 - 3
    system = rigid_liquid("water", NoseHooverChain(1.0, 0.5, groups=[[0], [1]]))
    counts = [system.state.scalars[f"chain.{g}.degrees"] for g in (0, 1)]
    # Of each molecule's three bonds two reach from group 0 to 1, and one lies within 1.
    assert counts == [8 * (3 - 1), 8 * (6 - 2)]
    assert spread(system, 0.002) < 0.02


def test_pressure_of_centres_is_that_of_atoms():
    """Time averages: sum m v v + virial + the constraints' virial, against the centres' own."""
    system = rigid_liquid("water", Langevin(1.0, 2.0), account=True)
    state, setting = system.state, system.setting
    program, steps, dt = system.program(0.004), 400, 0.004
    program.run(50)
    setting.constraints.reset_virial()
    atoms, centres = 0.0, 0.0
    for _ in range(steps):
        program.step()
        conserved(system)  # keeps the totals
        own = pressure_tensor(state, setting, 1.0)
        centres += np.trace(own) / steps
        internal = np.trace(setting.constraints.internal_virial(state, setting.motion))
        still = np.trace(setting.motion.kinetic_tensor(state)) - np.trace(
            setting.constraints.kinetic_tensor(state, setting.motion)
        )
        atoms += (np.trace(own) + internal + still) / steps
    bound = np.trace(setting.constraints.virial()) / (steps * dt)
    assert bound < -5.0
    # What is left is the change of a bounded quantity over the time of the run.
    assert atoms + bound == pytest.approx(centres, abs=0.1 * abs(bound))


def test_mixed_and_free_atoms():
    """Atoms without a molecule, and molecules without a template, stay free."""
    template, masses, spacing = KINDS["water"]
    state, edge = molecules(template, 2, spacing, masses=masses)
    state["molecule"][state["molecule"] == 0] = -1
    state["type"][state["molecule"] == 1] = 7
    constraints = RigidMolecules([template])
    field = AllPairs(ALONE, cutoff=1.5)
    maxwell_boltzmann(state, 1.0, CPU, ALONE, constraints=constraints, field=field, exact=True)
    system = liquid(state, IdealGas(), CPU, ALONE, constraints=constraints)
    assert system.setting.degrees == 72 - 18 - 3
    system.program(0.01).run(20)
    assert constraints.centres(state) == 3 + 1 + 6
    bound = np.isin(state["molecule"], range(2, 8))
    kept = type(state)({name: state[name][bound] for name in state.names()})
    assert bond_errors(kept, template, edge)[0] < 1e-12


def test_rows_may_move():
    """After an exchange the molecules are found anew."""
    system = rigid_liquid("water")
    program, state = system.program(0.004), system.state
    program.run(5)
    for builds in range(3):
        order = np.random.default_rng(builds).permutation(state.count)
        state.replace({name: np.ascontiguousarray(state[name][order]) for name in state.names()})
        program.run(5)
        assert bond_errors(state, WATER, vectors_of(state)[0, 0])[0] < 1e-12


def test_refusals():
    with pytest.raises(ConstraintError, match="at least one"):
        RigidMolecules([])
    with pytest.raises(ConstraintError, match="positive length"):
        dumb_bell((0, 0), 0.0)
    with pytest.raises(ConstraintError, match="declared twice"):
        Template((0, 0), ((0, 1), (1, 0)), (1.0, 1.0))
    with pytest.raises(ConstraintError, match="are independent"):
        Template((0,) * 5, tuple((i, j) for j in range(5) for i in range(j)), (1.0,) * 10)
    system = rigid_liquid("water")
    state = system.state
    state["position"][0] += 0.1
    with pytest.raises(ConstraintError, match=f"id.* {state['id'][0]} .*length"):
        system.program(0.002)
    state["position"][0] -= 0.1
    state["velocity"][0] += 1.0
    with pytest.raises(ConstraintError, match="project_momenta"):
        system.program(0.002)
    system.constraints.project_momenta(state)
    state["velocity"][:] *= 1e3
    with pytest.raises(OperationError, match="cannot be settled"):
        compile_structure(system, "leapfrog", dt=0.01).run(3)
    state["molecule"][:] = -1
    with pytest.raises(ConstraintError, match="no molecule has the types"):
        liquid(state, IdealGas(), CPU, ALONE, constraints=RigidMolecules([WATER]))
    uneven = rigid_liquid("water").state
    uneven["mass"][1] *= 2.0
    with pytest.raises(ConstraintError, match="masses"):
        liquid(uneven, IdealGas(), CPU, ALONE, constraints=RigidMolecules([WATER]), conserved_momenta=0)
    far = rigid_liquid("dumb-bell")
    far.state["velocity"][:] *= 1e3
    with pytest.raises(OperationError, match=r"cannot be met in 200 iterations|cannot be met"):
        far.program(0.1).run(2)
