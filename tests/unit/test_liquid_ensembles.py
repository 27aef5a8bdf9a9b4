"""Ensembles of liquids: what they conserve, what they sample, and what they refuse."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from hpcphys.compiler import OperationError, State, compile_structure
from hpcphys.compiler.flows.noise import normals
from hpcphys.decomposition.communicator import Communicator
from hpcphys.kernels import backend
from hpcphys.physics.liquids import (
    AxesRescaling,
    BerendsenBarostat,
    BerendsenThermostat,
    CellRescaling,
    Langevin,
    MartynaTobiasKlein,
    NoseHooverChain,
    VelocityRescaling,
    conserved,
    liquid,
    maxwell_boltzmann,
    pressure_tensor,
    remove_centre_of_mass,
)
from hpcphys.physics.liquids.motion import Motion
from hpcphys.physics.liquids.variates import Variates

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from small_liquids import AllPairs, IdealGas, StandIn, atoms, lattice, vectors_of, wells

CPU, ALONE = backend("cpu", threads=1), Communicator.serial()


def fluid(ensemble, *, temperature=1.0, types=None, cells=2, **options):
    """Lennard-Jones atoms on a warm lattice."""
    x, edge = lattice(cells, 0.7)
    state = atoms(x, box=edge, types=None if types is None else np.arange(len(x)) % types)
    maxwell_boltzmann(state, temperature, CPU, ALONE, seed=3, exact=True)
    return liquid(state, AllPairs(ALONE, cutoff=1.7), CPU, ALONE, ensemble=ensemble, **options)


def gas_in_wells(ensemble, n, *, temperature=1.0, **options):
    """Atoms in wells of their own."""
    state, field = wells(n)
    maxwell_boltzmann(state, temperature, CPU, ALONE, seed=5, remove_centre=False)
    state["position"][:] = np.random.default_rng(6).normal(size=(n, 3)) * np.sqrt(temperature)
    return liquid(state, field, CPU, ALONE, ensemble=ensemble, conserved_momenta=0, **options)


# ---- what is conserved -----------------------------------------------------------------------------------

DETERMINISTIC = {
    "nve": "nve",
    "chain": NoseHooverChain(1.3, 0.5),
    "groups": NoseHooverChain([1.2, 0.9], 0.5, length=2, inner=2, weights=5, groups=[[0], [1]]),
    "mtk": MartynaTobiasKlein(1.0, 0.5, 1.0, 1.0),
    "mtk_flexible": MartynaTobiasKlein(1.0, 0.5, 1.0, 1.0, flexible=True),
}


def spread(system, dt, time=0.4):
    """Largest departure of the conserved quantity from its start."""
    program, start = system.program(dt), conserved(system)["conserved"]
    found = []
    for _ in range(10):
        program.run(round(time / dt / 10))
        found.append(conserved(system)["conserved"] - start)
    return max(map(abs, found))


@pytest.mark.parametrize("name", DETERMINISTIC)
def test_conserved_quantity_to_second_order(name):
    errors = [spread(fluid(DETERMINISTIC[name], types=2), dt) for dt in (0.004, 0.002)]
    assert errors[0] < 0.05
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2.0, abs=0.35)


STOCHASTIC = {
    "langevin": Langevin(1.0, 1.0),
    "rescaling": VelocityRescaling(1.0, 0.2),
    "berendsen": BerendsenThermostat(1.0, 0.2),
    "berendsen_box": BerendsenBarostat(1.0, 0.5, 0.1, BerendsenThermostat(1.0, 0.2), every=5),
}


@pytest.mark.parametrize("name", STOCHASTIC)
def test_effective_energy_is_flat(name):
    system = fluid(STOCHASTIC[name], temperature=1.6)
    start = conserved(system)
    assert spread(system, 0.002) < 0.02
    # The energy itself has moved: the account is not empty.
    now = conserved(system)
    moved = now["kinetic"] + now["potential"] - start["kinetic"] - start["potential"]
    assert abs(moved) > 1.0


@pytest.mark.parametrize("kind", [CellRescaling, AxesRescaling])
def test_effective_energy_of_cell_rescaling(kind):
    """A quarter of the step, less than half the error: the box moves by first order."""
    errors = [
        spread(fluid(kind(1.0, 0.5, 0.1, VelocityRescaling(1.0, 0.2), every=1)), dt) for dt in (0.004, 0.001)
    ]
    assert errors[1] < 0.5 * errors[0] < 0.2


@pytest.mark.parametrize("name", ["chain", "mtk", "mtk_flexible"])
def test_time_reverses(name):
    system = fluid(DETERMINISTIC[name])
    state, program = system.state, system.program(0.004)
    start, box = state["position"].copy(), vectors_of(state)
    program.run(40)
    assert np.abs(state["position"] - start).max() > 0.05
    program.reverse()
    program.run(40)
    np.testing.assert_allclose(state["position"], start, rtol=0, atol=1e-9)
    np.testing.assert_allclose(vectors_of(state), box, rtol=0, atol=1e-10)


EVERY = DETERMINISTIC | STOCHASTIC
EVERY["axes"] = AxesRescaling(1.0, 0.5, 0.1, VelocityRescaling(1.0, 0.2), every=2)
EVERY["cell"] = CellRescaling(1.0, 0.5, 0.1, Langevin(1.0, 1.0), every=3)


@pytest.mark.parametrize("name", EVERY)
def test_restart_bit_for_bit(name):
    """Through copies of arrays, time, step and scalars, in the middle of a stride."""
    system = fluid(EVERY[name], types=2)
    program = system.program(0.004)
    program.run(7)
    state = system.state
    copy = State({k: state[k].copy() for k in state.names()}, state.time, state.step, dict(state.scalars))
    program.run(6)
    other = liquid(copy, AllPairs(ALONE, cutoff=1.7), CPU, ALONE, ensemble=EVERY[name])
    other.program(0.004).run(6)
    for array in ("position", "velocity"):
        assert np.array_equal(copy[array], state[array])
    assert copy.scalars == state.scalars
    assert conserved(other) == conserved(system)


def test_forces_are_evaluated_again_only_where_the_box_was_scaled():
    system = fluid(CellRescaling(1.0, 0.5, 0.1, Langevin(1.0, 1.0), every=3))
    field = system.fields[0]
    system.program(0.004).run(9)
    assert field.evaluations == 1 + 9 + 3


class Tailed(AllPairs):
    """With corrections that stand for what lies beyond the cutoff."""

    def totals(self):
        return super().totals() | {"tail_energy": -3.0, "tail_virial": -2.0 * np.eye(3)}


def test_corrections_belong_to_energy_and_pressure():
    plain, tailed = fluid("nve"), fluid("nve")
    tailed = liquid(tailed.state, Tailed(ALONE, cutoff=1.7), CPU, ALONE)
    assert conserved(tailed)["potential"] == pytest.approx(conserved(plain)["potential"] - 3.0)
    one, other = (pressure_tensor(s.state, s.setting, 2.0) for s in (plain, tailed))
    np.testing.assert_allclose(other, one - np.eye(3), atol=1e-10)


# ---- what is sampled --------------------------------------------------------------------------------------


def test_ornstein_uhlenbeck_has_its_mean_and_variance():
    n, kt, friction, dt = 20000, 0.7, 1.3, 0.4
    state, _ = wells(n, mass=2.0)
    state["velocity"][:] = [1.0, -2.0, 0.5]
    system = liquid(state, IdealGas(), CPU, ALONE, ensemble=Langevin(kt, friction))
    next(piece for piece in system.pieces if piece.role == "O").flow(state, dt)
    v, decay = state["velocity"], np.exp(-friction * dt)
    width = np.sqrt(kt / 2.0 * (1 - decay**2))
    np.testing.assert_allclose(v.mean(0), decay * np.array([1.0, -2.0, 0.5]), atol=4 * width / np.sqrt(n))
    assert v.var(0) == pytest.approx(width**2, rel=4 * np.sqrt(2 / n))
    assert np.corrcoef(v.T)[0, 1] == pytest.approx(0.0, abs=4 / np.sqrt(n))


@pytest.mark.parametrize("splitting", ["baoab", "obabo"])
def test_langevin_in_wells(splitting):
    """Independent wells are an ensemble: BAOAB's positions are exact, OBABO's are off by 1/(1 - x²)."""
    n, dt = 12000, 0.8
    system = gas_in_wells(Langevin(1.0, 1.0, splitting=splitting), n)
    system.program(dt).run(25)
    x2 = (dt / 2) ** 2
    wanted = {"baoab": (1.0, 1 - x2), "obabo": (1 / (1 - x2), 1.0)}[splitting]
    error = 4 * np.sqrt(2 / (3 * n))
    assert system.state["position"].var() == pytest.approx(wanted[0], rel=error)
    assert system.state["velocity"].var() == pytest.approx(wanted[1], rel=error)


def kinetic_energies(ensemble, *, wells_of=4, copies=1, steps=3000, dt=0.2):
    """Of a few wells at every step, after some."""
    system = gas_in_wells(ensemble, wells_of)
    program, found = system.program(dt), []
    program.run(100)
    for _ in range(steps):
        program.step()
        found.append(system.setting.motion.kinetic_energy(system.state))
    return np.array(found)


def test_velocity_rescaling_gives_the_gamma_law():
    """K of 12 momenta: mean 6 kT, variance 6 kT²; Berendsen's has the mean and hardly a variance."""
    good = kinetic_energies(VelocityRescaling(1.0, 0.2))
    assert good.mean() == pytest.approx(6.0, rel=0.05)
    assert good.var() == pytest.approx(6.0, rel=0.15)
    third = ((good - good.mean()) ** 3).mean() / good.std() ** 3
    assert third == pytest.approx(2 / np.sqrt(6.0), abs=0.25)
    bad = kinetic_energies(BerendsenThermostat(1.0, 0.2), steps=1000)
    assert bad.mean() == pytest.approx(6.0, rel=0.05)
    assert bad.var() < 0.5 * 6.0


def test_velocity_rescaling_relaxes_in_its_period():
    """Free particles: <dK(0) dK(t)> = <dK²> e^(-t/tau)."""
    n, tau, dt, steps = 10, 0.5, 0.1, 6000
    state, _ = wells(n)
    maxwell_boltzmann(state, 1.0, CPU, ALONE, seed=1)
    system = liquid(state, IdealGas(), CPU, ALONE, ensemble=VelocityRescaling(1.0, tau))
    bath = next(piece for piece in system.pieces if piece.role == "O")
    found = np.empty(steps)
    for k in range(steps):
        state.step, state.blocks_drawn = k, 0
        bath.flow(state, dt)
        found[k] = system.setting.motion.kinetic_energy(state)
    assert found.mean() == pytest.approx(13.5, rel=0.05)
    d = found - found.mean()
    correlation = [(d[: steps - lag] * d[lag:]).mean() / d.var() for lag in (2, 5)]
    assert correlation == pytest.approx([np.exp(-0.4), np.exp(-1.0)], abs=0.15)


def test_chain_in_a_fluid_is_canonical():
    """Mean and variance of K of interacting atoms."""
    system = fluid(NoseHooverChain(1.2, 0.2))
    program, found = system.program(0.01), []
    program.run(200)
    for _ in range(900):
        program.run(2)
        found.append(system.setting.motion.kinetic_energy(system.state))
    mean = 93 / 2 * 1.2
    assert np.mean(found) == pytest.approx(mean, rel=0.05)
    assert np.var(found) == pytest.approx(mean * 1.2, rel=0.6)


def volumes(ensemble, *, n=10, kt=1.3, pressure=0.7, steps=2000, dt=0.1):
    """V at every step of an ideal gas, in units of kT/P."""
    edge = ((n + 1) * kt / pressure) ** (1 / 3)
    state = atoms(np.random.default_rng(5).uniform(0, edge, (n, 3)), box=edge)
    maxwell_boltzmann(state, kt, CPU, ALONE, seed=7)
    system = liquid(state, IdealGas(), CPU, ALONE, ensemble=ensemble)
    program, found = system.program(dt), np.empty(steps)
    for k in range(steps):
        program.step()
        found[k] = np.linalg.det(vectors_of(state))
    return found * pressure / kt


def test_volume_of_an_ideal_gas():
    """P(V) ~ V^n e^(-PV/kT): mean and variance n + 1, n what is free; Berendsen's volume hardly moves.

    Within four standard errors of so short a run; tests/validate has a longer one.
    """
    good = volumes(CellRescaling(0.7, 2.0, 1 / 0.7, Langevin(1.3, 2.0), every=1))
    assert good.mean() == pytest.approx(11.0, rel=0.16)
    assert good.var() == pytest.approx(11.0, rel=0.55)
    found = volumes(MartynaTobiasKlein(1.3, 0.5, 0.7, 0.7))
    assert found.mean() == pytest.approx(10.0, rel=0.12)
    assert found.var() == pytest.approx(10.0, rel=0.55)
    bad = volumes(BerendsenBarostat(0.7, 2.0, 1 / 0.7, Langevin(1.3, 2.0), every=1), steps=1000)
    assert bad.var() < 0.4 * 11.0


def test_gamma_variates():
    state, _ = wells(1)
    state.step, state.scalars["noise.seed"] = (1 << 32) + 5, 77
    draw = Variates(state, 17)
    pairs = [draw.pair() for _ in range(20)]
    assert np.ravel(pairs).tolist() == np.ravel(normals(77, [17], state.step, 0, 40)).tolist()
    found = np.empty((4, 1500))
    for row, shape in zip(found, (0.3, 1.0, 4.5, 40.0), strict=True):
        for k in range(1500):
            state.step, state.blocks_drawn = k, 0
            row[k] = Variates(state, 17).gamma(shape)
        assert row.mean() == pytest.approx(shape, rel=5 / np.sqrt(1500 * shape))
        assert row.var() == pytest.approx(shape, rel=4 * np.sqrt((2 + 6 / shape) / 1500))


# ---- velocities and errors ------------------------------------------------------------------------------


def test_velocities_belong_to_ids():
    state, _ = wells(4000, mass=2.0)
    maxwell_boltzmann(state, 1.5, CPU, ALONE, seed=9, remove_centre=False)
    assert state["velocity"].var() == pytest.approx(0.75, rel=4 * np.sqrt(2 / 12000))
    other, _ = wells(4000, mass=2.0)
    order = np.random.default_rng(1).permutation(4000)
    other.replace({name: other[name][order].copy() for name in other.names()})
    maxwell_boltzmann(other, 1.5, CPU, ALONE, seed=9, remove_centre=False)
    assert np.array_equal(other["velocity"], state["velocity"][order])
    maxwell_boltzmann(state, 1.5, CPU, ALONE, seed=9, exact=True)
    motion = Motion(CPU, ALONE)
    assert np.abs(motion.momentum(state)).max() < 1e-9
    assert motion.kinetic_energy(state) == pytest.approx((12000 - 3) / 2 * 1.5, rel=1e-12)


def test_first_velocities_are_not_the_first_noise():
    """The draw of velocities and the bath of the first step must not share their numbers."""
    state, field = wells(500)
    maxwell_boltzmann(state, 1.0, CPU, ALONE, seed=9, remove_centre=False)
    before = state["velocity"].copy()
    system = liquid(state, field, CPU, ALONE, ensemble=Langevin(1.0, 1e6))
    next(piece for piece in system.pieces if piece.role == "O").flow(state, 1.0)
    assert abs(np.corrcoef(before.ravel(), state["velocity"].ravel())[0, 1]) < 4 / np.sqrt(1500)


def test_degrees_of_freedom():
    assert fluid("nve").setting.degrees == 93
    assert fluid(Langevin(1.0, 1.0)).setting.degrees == 96
    assert fluid(NoseHooverChain(1.0, 0.5)).setting.degrees == 93
    assert fluid(DETERMINISTIC["groups"], types=2).setting.degrees == 96
    assert fluid("nve", conserved_momenta=0).setting.degrees == 96


class Nowhere(StandIn):
    def compute(self, state):
        force = np.full_like(state["position"], np.nan)
        return force, np.nan, np.full((3, 3), np.nan)


def test_refusals():
    state, field = wells(5)
    with pytest.raises(ValueError, match="velocities are asked for"):
        maxwell_boltzmann(state, 0.0, CPU, ALONE)
    state["mass"][3] = 0.0
    with pytest.raises(ValueError, match=r"mass.*id 3"):
        maxwell_boltzmann(state, 1.0, CPU, ALONE)
    with pytest.raises(ValueError, match=r"mass.*id 3"):
        liquid(state, field, CPU, ALONE)
    state["mass"][3] = 1.0
    state["velocity"][:] = 1.0
    with pytest.raises(ValueError, match="total momentum"):
        liquid(state, field, CPU, ALONE)
    remove_centre_of_mass(state, Motion(CPU, ALONE))
    assert liquid(state, field, CPU, ALONE).setting.degrees == 12
    with pytest.raises(ValueError, match="a periodic one"):
        liquid(state, field, CPU, ALONE, ensemble=MartynaTobiasKlein(1.0, 1.0, 1.0, 1.0))
    with pytest.raises(ValueError, match="temperature = -1"):
        Langevin(-1.0, 1.0)
    with pytest.raises(ValueError, match="thermostat of one temperature"):
        CellRescaling(1.0, 1.0, 1.0, NoseHooverChain([1.0, 2.0], 1.0, groups=[[0], [1]]))
    with pytest.raises(ValueError, match="type 0 belong to no group"):
        liquid(state, field, CPU, ALONE, ensemble=NoseHooverChain(1.0, 1.0, groups=[[1], [2]]))
    still, field = wells(5)
    program = liquid(still, field, CPU, ALONE, ensemble=VelocityRescaling(1.0, 1.0)).program(0.1)
    with pytest.raises(OperationError, match="cannot warm atoms at rest"):
        program.step()


def test_a_box_that_runs_away_is_an_error():
    state = atoms(np.random.default_rng(1).uniform(0, 3, (8, 3)), box=3.0)
    maxwell_boltzmann(state, 1.0, CPU, ALONE)
    bath = VelocityRescaling(1.0, 1.0)
    refused = [
        (CellRescaling(50.0, 0.01, 1.0, bath), IdealGas(), "change the volume by a factor"),
        (MartynaTobiasKlein(1.0, 1.0, 1e6, 0.1), IdealGas(), "the box changes at a rate"),
        (MartynaTobiasKlein(1.0, 1.0, 1.0, 1.0), Nowhere(), "the box changes at a rate of nan"),
        (VelocityRescaling(1.0, 1.0), Nowhere(), "kinetic energy is nan"),
        (NoseHooverChain(1.0, 1.0), Nowhere(), "kinetic energy is nan"),
        (NoseHooverChain(1e-6, 0.001), IdealGas(), "cannot follow a kinetic energy"),
    ]
    for ensemble, field, message in refused:
        copy = State({name: state[name].copy() for name in state.names()}, scalars=dict(state.scalars))
        system = liquid(copy, field, CPU, ALONE, ensemble=ensemble)
        with pytest.raises(OperationError, match=message):
            system.program(0.1).run(5)


def test_a_box_that_is_scaled_too_seldom_is_an_error_that_says_so():
    """A sudden scaling meets a modulus of some thirty: beyond 2 tau_p/(beta_T M) = 0.3 changes overshoot."""
    barostat = CellRescaling(1.0, 0.5, 0.1, VelocityRescaling(1.0, 0.2), every=200)
    with pytest.raises(OperationError, match=r"overshoots the last.*a smaller 'every'"):
        fluid(barostat).program(0.004).run(1000)


def test_respa_and_other_compositions_take_the_pieces():
    system = fluid("nve")
    start = conserved(system)["conserved"]
    compile_structure(system, "yoshida4", dt=0.002).run(50)
    assert conserved(system)["conserved"] == pytest.approx(start, abs=2e-3)
    with pytest.raises(ValueError, match="role"):
        compile_structure(fluid(Langevin(1.0, 1.0)), "pefrl")
