"""Ensembles of liquids against exact distributions, longer than the suite has time for."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from hpcphys.decomposition.communicator import Communicator
from hpcphys.kernels import backend
from hpcphys.physics.liquids import (
    AxesRescaling,
    BerendsenThermostat,
    CellRescaling,
    Langevin,
    MartynaTobiasKlein,
    NoseHooverChain,
    VelocityRescaling,
    liquid,
    maxwell_boltzmann,
)

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from small_liquids import AllPairs, IdealGas, StandIn, atoms, lattice, vectors_of

pytestmark = pytest.mark.validate

CPU, ALONE = backend("cpu", threads=1), Communicator.serial()
BLOCKS = 20


def mean_and_error(values):
    """Mean over steps and its standard error from blocks."""
    blocks = values.reshape(BLOCKS, -1, *values.shape[1:]).mean(axis=1)
    return values.mean(axis=0), blocks.std(axis=0, ddof=1) / np.sqrt(BLOCKS)


class ElasticBox(StandIn):
    """An energy of the box alone:  U = k/2 (sum (ln h_aa/h0)² + sum of (tilts/h0)²)."""

    def __init__(self, stiffness, edge):
        super().__init__()
        self.stiffness, self.edge = stiffness, edge

    def compute(self, state):
        h, k = vectors_of(state), self.stiffness
        strain = np.log(np.diag(h) / self.edge)
        tilts = np.tril(h, -1) / self.edge
        slope = k * (np.diag(strain / np.diag(h)) + tilts / self.edge)
        # dh = h G, so that the energy falls by sum_ab W_ab G_ab with W = -h^T dU/dh.
        energy = 0.5 * k * ((strain**2).sum() + (tilts**2).sum())
        return np.zeros_like(state["position"]), energy, -h.T @ slope


def test_flexible_box_has_the_measure_of_all_boxes():
    """An ideal gas in an elastic box:  weight h22^-1 h33^-2 V^n e^(-(P V + U)/kT) for the lower triangle.

    The equations of motion alone would give h11^-2 h22^-1 instead of h22^-1 h33^-2: the means of the three
    diagonal elements would be the other way round.
    """
    n, kt, pressure, stiffness, dt, steps = 4, 1.0, 0.5, 12.0, 0.05, 20000
    edge = (n * kt / pressure) ** (1 / 3)
    state = atoms(np.random.default_rng(5).uniform(0, edge, (n, 3)), box=edge)
    maxwell_boltzmann(state, kt, CPU, ALONE, seed=7, remove_centre=False)
    ensemble = MartynaTobiasKlein(kt, 0.5, pressure, 1.0, flexible=True)
    field = ElasticBox(stiffness, edge)
    system = liquid(state, field, CPU, ALONE, ensemble=ensemble, conserved_momenta=0)
    program, found = system.program(dt), np.empty((steps, 6))
    for k in range(steps):
        program.step()
        # Without collisions the gas would keep the direction of its momenta: noise turns them.
        state.blocks_drawn = 100
        system.setting.motion.ornstein_uhlenbeck(state, 0.9, np.sqrt(kt * (1 - 0.9**2)))
        h = vectors_of(state) / edge
        found[k] = [*np.log(np.diag(h)), h[1, 0], h[2, 0], h[2, 1]]
    grid = np.linspace(-1.5, 1.5, 81)
    a, b, c = np.meshgrid(grid, grid, grid, indexing="ij")
    size = a + b + c
    # Of ln h_aa, whose element is d h_aa / h_aa.
    log_weight = (n + 1) * size - b - 2 * c - pressure / kt * edge**3 * np.exp(size)
    weight = np.exp(log_weight - stiffness / (2 * kt) * (a * a + b * b + c * c))
    weight /= weight.sum()
    wanted = [(weight * x).sum() for x in (a, b, c)]
    mean, error = mean_and_error(found)
    assert (np.abs(mean[:3] - wanted) < 4 * error[:3]).all()
    assert (np.abs(mean[3:]) < 4 * error[3:]).all()
    assert mean[0] - mean[2] > 0.1
    squares, errors = mean_and_error((found - mean) ** 2)
    spreads = [(weight * (x - m) ** 2).sum() for x, m in zip((a, b, c), wanted, strict=True)]
    assert (np.abs(squares - [*spreads, *[kt / stiffness] * 3]) < 4 * errors + 0.002).all()


def test_axes_of_an_elastic_box():
    """An ideal gas in an elastic box whose axes are scaled:  weight V^(n+1) e^(-(P V + U)/kT) d³(ln h_aa)."""
    n, kt, pressure, stiffness, dt, steps = 4, 1.0, 0.5, 12.0, 0.05, 20000
    edge = (n * kt / pressure) ** (1 / 3)
    state = atoms(np.random.default_rng(5).uniform(0, edge, (n, 3)), box=edge)
    maxwell_boltzmann(state, kt, CPU, ALONE, seed=7, remove_centre=False)
    ensemble = AxesRescaling(pressure, 4.0, 1.0, Langevin(kt, 2.0), every=1)
    program = liquid(state, ElasticBox(stiffness, edge), CPU, ALONE, ensemble=ensemble).program(dt)
    found = np.empty((steps, 3))
    for k in range(steps):
        program.step()
        found[k] = np.log(np.diag(vectors_of(state)) / edge)
    grid = np.linspace(-1.5, 1.5, 81)
    a, b, c = np.meshgrid(grid, grid, grid, indexing="ij")
    size = a + b + c
    log_weight = (n + 1) * size - pressure / kt * edge**3 * np.exp(size)
    weight = np.exp(log_weight - stiffness / (2 * kt) * (a * a + b * b + c * c))
    wanted = (weight * a).sum() / weight.sum()
    mean, error = mean_and_error(found)
    assert (np.abs(mean - wanted) < 4 * error).all()
    squares, errors = mean_and_error((found - mean) ** 2)
    spread = (weight * (a - wanted) ** 2).sum() / weight.sum()
    assert (np.abs(squares - spread) < 4 * errors).all()


@pytest.mark.parametrize(
    ("ensemble", "free"),
    [
        (CellRescaling(0.7, 5.0, 1 / 0.7, Langevin(1.3, 2.0), every=1), 0),
        (CellRescaling(0.7, 5.0, 1 / 0.7, VelocityRescaling(1.3, 0.2), every=1), 1),
        (MartynaTobiasKlein(1.3, 0.5, 0.7, 0.7), 1),
    ],
    ids=["cell+langevin", "cell+rescaling", "mtk"],
)
def test_volume_of_an_ideal_gas(ensemble, free):
    """P(V) ~ V^n e^(-PV/kT); V^(n-1) where the centre of mass rests.  In units of kT/P mean = variance."""
    n, kt, pressure, steps = 10, 1.3, 0.7, 20000
    edge = ((n + 1) * kt / pressure) ** (1 / 3)
    state = atoms(np.random.default_rng(5).uniform(0, edge, (n, 3)), box=edge)
    maxwell_boltzmann(state, kt, CPU, ALONE, seed=7)
    program = liquid(state, IdealGas(), CPU, ALONE, ensemble=ensemble).program(0.05)
    volume = np.empty(steps)
    for k in range(steps):
        program.step()
        volume[k] = np.linalg.det(vectors_of(state)) * pressure / kt
    mean, error = mean_and_error(volume)
    assert mean == pytest.approx(n + 1 - free, abs=4 * error)
    variance, error = mean_and_error((volume - mean) ** 2)
    assert variance == pytest.approx(n + 1 - free, abs=4 * error)


BATHS = {
    "langevin": Langevin(1.2, 1.0),
    "chain": NoseHooverChain(1.2, 0.2),
    "rescaling": VelocityRescaling(1.2, 0.2),
    "berendsen": BerendsenThermostat(1.2, 0.2),
}


@pytest.mark.parametrize("name", BATHS)
def test_kinetic_energy_of_a_fluid(name):
    """Gamma law of the kinetic energy: canonical thermostats pass, Berendsen's does not."""
    x, edge = lattice(2, 0.7)
    state = atoms(x, box=edge)
    maxwell_boltzmann(state, 1.2, CPU, ALONE, seed=3)
    system = liquid(state, AllPairs(ALONE, cutoff=1.7), CPU, ALONE, ensemble=BATHS[name])
    program, found = system.program(0.005), np.empty(12000)
    program.run(1000)
    for k in range(len(found)):
        program.run(2)
        found[k] = system.setting.motion.kinetic_energy(state)
    shape = system.setting.degrees / 2
    mean, error = mean_and_error(found / 1.2)
    variance, spread = mean_and_error((found / 1.2 - mean) ** 2)
    assert mean == pytest.approx(shape, abs=4 * error + 0.003 * shape)
    if name == "berendsen":
        assert variance < 0.8 * shape - 4 * spread
    else:
        assert variance == pytest.approx(shape, abs=4 * spread)
