"""Flows against published numbers and exact solutions, and the small cascade with three seeds."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from hpcphys.compiler import State
from hpcphys.decomposition.communicator import Communicator
from hpcphys.initial.vorticity import SPECTRAL
from hpcphys.kernels import backend
from hpcphys.physics.vorticity.engine import VorticityEngine
from hpcphys.physics.vorticity.grid import VorticityGrid
from hpcphys.report.log import Log
from hpcphys.report.timers import Timers
from hpcphys.run.job_file import load_job
from hpcphys.run.kind import kind_of

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit"))
from test_cascade import cascade

pytestmark = pytest.mark.validate
JOBS = Path(__file__).parents[2] / "jobs" / "fluids"
SERIAL = Communicator.serial()


def finished(name: str, settings: list[str] = ()):
    """The simulation of a job with fixed steps, at its end."""
    job = load_job(JOBS / f"{name}.toml", list(settings))
    flow = kind_of(job).simulation(job, backend("cpu", threads=1), SERIAL, Timers(SERIAL), Log(1), None)
    flow.start(resumed=False)
    flow.advance(round(job.time.end / job.time.step), diagnosed=True)
    assert flow.state.time == pytest.approx(job.time.end)
    return flow


def test_shear_layer_of_brown_and_minion():
    """E, Z and the largest vorticity at t = 1, ρ = 30, ν = 1e-4, δ = 0.05 (Brown & Minion 1995)."""
    row = finished("shear_layer").row()
    assert row["energy"] == pytest.approx(0.42649076, abs=5e-9)
    assert row["enstrophy"] == pytest.approx(34.19095, abs=5e-6)
    assert row["largest_vorticity"] == pytest.approx(28.27, abs=5e-3)


def travelled(flow) -> float:
    """How far the centre of |ω| has come along x, in a box that it does not leave."""
    rows = np.abs(flow.field_rows())
    rows[rows < 0.1 * rows.max()] = 0.0
    x = np.arange(flow.grid.n) * flow.grid.length / flow.grid.n
    return float((rows * x).sum() / rows.sum()) - flow.job.initial.centre[0]


@pytest.mark.parametrize(("points", "distance"), [(128, 1.962), (256, 1.977)])
def test_lamb_dipole_goes_as_far_as_it_must(points, distance):
    """2 on the plane; its images in the box of 16 radii hold it back."""
    flow = finished("lamb_dipole", [f"grid.points={points}", f"time.step={1.28 / points}"])
    assert travelled(flow) == pytest.approx(distance, abs=4e-3)


def test_taylor_green_decays_to_rounding():
    flow = finished("taylor_green")
    start = SPECTRAL["taylor_green"](flow.grid)
    assert np.abs(flow.modes() - start * np.exp(-0.5)).max() < 5e-15


def test_euler_converges_at_fifth_order_in_energy_and_enstrophy():
    """128 points, T = 2: each halving of dt takes a factor of about 30 from the errors (order 5)."""
    grid = VorticityGrid(128)
    engine = VorticityEngine(grid, backend("cpu", threads=1), SERIAL)
    start = SPECTRAL["random"](grid, peak=6.0, energy=0.5, seed=1)
    weights = 0.5 * grid.weight * np.ones(grid.shape)
    errors = []
    for steps in (200, 400, 800):
        state = State({"vorticity": start.copy()})
        for _ in range(steps):
            engine.advance(state, 2.0 / steps)
            state.step += 1
        change = np.abs(state["vorticity"]) ** 2 - np.abs(start) ** 2
        errors.append([abs((weights * change * form).sum()) for form in (grid.inverse_k2, 1.0)])
    orders = np.log2(np.array(errors[:-1]) / np.array(errors[1:]))
    assert np.all(orders > 4.7), orders
    assert np.all(orders < 5.5), orders


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_small_cascade_with_three_seeds(seed):
    found = cascade(seed)
    assert -1.77 <= found["spectral_slope"] <= -1.57
    assert 5.0 < found["kolmogorov_constant"] < 6.0
    assert found["dissipated"] > 0.95


def test_casimirs_of_both_truncations():
    """Zeitlin's model keeps tr W^2 to tr W^6; the Galerkin truncation E and Z, and not <ω⁴>."""
    matrix = finished("casimirs_zeitlin", ["time.end=1.0", "grid.points=65"])
    first = matrix.bracket.casimirs(matrix.bracket.matrix_of(_start(matrix)))
    last = matrix.bracket.casimirs(matrix.state["vorticity"])
    for power, value in last.items():
        assert abs(value - first[power]) < 1e-12 * first[2] ** (power / 2) * matrix.grid.length**2, power
    galerkin = finished("casimirs_pseudospectral", ["time.end=2.0", "grid.points=96"])
    row = galerkin.row()
    assert max(abs(row["energy_error"]), abs(row["enstrophy_error"])) < 1e-12
    galerkin.state["vorticity"][...] = _start(galerkin)
    assert abs(row["moment_4"] / galerkin.row()["moment_4"] - 1.0) > 1e-3


def _start(flow):
    from hpcphys.run.fluids.start import initial_vorticity

    return initial_vorticity(flow.job, flow.engine, SERIAL)
