"""Both flows of a wavefunction: kernels against NumPy on every machine, fused sweeps against plain ones."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from hpcphys.kernels import backend

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from reference import MACHINES
from small_waves import PSI, engine, gaussian, program

REALS = [("double", np.float64, 4e-16), ("float", np.float32, 3e-7)]


@pytest.fixture(params=MACHINES)
def machine(request):
    return backend(request.param)


def pairs(array, real):
    return array.reshape(-1).view(real)


@pytest.mark.parametrize(("name", "real", "rounding"), REALS)
def test_phases_are_exact_over_many_turns(machine, name, real, rounding):
    """exp(-i τ V) within rounding of ψ, for angles of either sign up to a million."""
    angle = np.concatenate([np.linspace(-50, 50, 4001), np.geomspace(1e-9, 1e6, 500), [0.0]])
    kind = np.result_type(real, np.complex64)
    psi = machine.array(np.ones(len(angle), dtype=kind))
    module = machine.module("split_operator", REAL=name)
    module.launch(
        "wave_kick", len(angle), pairs(psi, real), machine.array(angle), 1.0, None, 0.0, None, 0.0, None, 0
    )
    found = machine.host(psi)
    allowed = rounding + 2.3e-16 * abs(angle)
    assert (abs(found - np.exp(-1j * angle)) < 2 * allowed).all()


@pytest.mark.parametrize(("name", "real", "rounding"), REALS)
@pytest.mark.parametrize("imaginary", [0, 1])
def test_a_kick_with_everything(machine, name, real, rounding, imaginary):
    rng = np.random.default_rng(4)
    n, tau, gradient, strength = 777, 0.3, 0.01, 1.7
    kind = np.result_type(real, np.complex64)
    start = (rng.normal(size=n) + 1j * rng.normal(size=n)).astype(kind)
    values, slope, exposure = rng.normal(size=(3, n)) ** 2
    damping = rng.random(n).astype(real)
    psi = machine.array(start.copy())
    given = [machine.array(a) for a in (values, slope, damping, exposure)]
    machine.module("split_operator", REAL=name).launch(
        "wave_kick",
        n,
        pairs(psi, real),
        given[0],
        tau,
        given[1],
        gradient,
        given[2],
        strength,
        given[3],
        imaginary,
    )
    density = abs(start.astype(complex)) ** 2
    turned = tau * values - gradient * slope + strength * density * exposure
    expected = start * damping.astype(float)
    if imaginary:
        expected = expected / np.sqrt(1 + 2 * strength * density * exposure)
    else:
        expected = expected * np.exp(-1j * turned)
    assert (abs(machine.host(psi) - expected) < 40 * rounding * (1 + abs(turned) * (name == "double"))).all()


@pytest.mark.parametrize(("name", "real", "rounding"), REALS)
def test_a_drift_takes_the_factor_of_each_axis(machine, name, real, rounding):
    rng = np.random.default_rng(5)
    shape, kind = (5, 4, 3), np.result_type(real, np.complex64)
    start = (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(kind)
    factors = [np.exp(1j * rng.normal(size=n)).astype(kind) for n in shape]
    psi = machine.array(start.copy())
    machine.module("split_operator", REAL=name).launch(
        "wave_drift", 60, pairs(psi, real), *(pairs(machine.array(f), real) for f in factors), 4, 3
    )
    expected = start * factors[0][:, None, None] * factors[1][:, None] * factors[2]
    assert abs(machine.host(psi) - expected).max() < 20 * rounding


CASES = [
    ((30,), {"potential": "x^2/2"}),
    ((7, 33), {"potential": "x^2/2 + x*y/3", "nonlinearity": 0.7}),
    ((16, 130), {"potential": "x^2/2 + y^2*cos(t)", "vector_potential": {"x": "0.2*sin(t)", "y": "0.3*x"}}),
    ((9, 10, 11), {"potential": "x^2/2 + y^2*z", "absorber": "x^2/20", "nonlinearity": -0.4}),
    ((8, 16, 16), {"potential": "x^2/2 + sin(y)*z", "mass": (1.0, 2.0, 3.0)}),
    ((1, 5, 4), {"potential": "y^2"}),
]


@pytest.mark.parametrize("precision", ["double", "single"])
@pytest.mark.parametrize(("points", "options"), CASES)
def test_fused_sweeps_do_what_plain_arrays_do(points, options, precision):
    """Uneven sizes, blocks that are not full, every term; the array code runs as on a GPU."""
    found = []
    for machine in (backend("cpu", threads=1), backend("emulated")):
        made = engine(points, -3, 3, machine=machine, precision=precision, **options)
        psi = gaussian(made.grid, 0.3, 0.5)
        run = program(made, psi, "leapfrog", 0.03)
        run.run(4)
        run.run(1)
        found.append(made.backend.host(run.state[PSI]))
    assert found[0].dtype == found[1].dtype
    assert abs(found[0]).max() > 1e-3
    rounding = 1e-14 if precision == "double" else 5e-6
    assert abs(found[0] - found[1]).max() < rounding


@pytest.mark.cuda
@pytest.mark.parametrize(("points", "options"), CASES)
def test_a_gpu_does_what_the_cpu_does(points, options):
    found = []
    for machine in (backend("cpu", threads=1), backend("cuda")):
        made = engine(points, -3, 3, machine=machine, **options)
        run = program(made, gaussian(made.grid, 0.3, 0.5), "leapfrog", 0.03)
        run.run(5)
        found.append(made.backend.host(run.state[PSI]))
    assert abs(found[0] - found[1]).max() < 1e-13


def test_threads_and_processes_change_no_bit():
    """Rows and blocks are whole work items, and plans come from the wisdom of the machine."""
    found = []
    for threads in (1, 2, 3):
        made = engine((12, 10, 9), -3, 3, machine=backend("cpu", threads=threads), potential="x^2 + y*z")
        run = program(made, gaussian(made.grid, 0.3, 0.5), "yoshida4", 0.03)
        run.run(3)
        found.append(run.state[PSI])
    assert (found[0] == found[1]).all()
    assert (found[0] == found[2]).all()


def test_a_wavefunction_that_is_not_aligned():
    made = engine((6, 5), -3, 3, precision="single", potential="x^2 + y^2/3")
    psi = gaussian(made.grid, 0.3, 0.5).astype(np.complex64)
    run, shifted = program(made, psi, dt=0.05), program(made, psi, dt=0.05)
    memory = np.empty(psi.size + 1, dtype=np.complex64)
    place = memory[1:] if memory.ctypes.data % 16 == 0 else memory[:-1]
    shifted.state[PSI] = place.reshape(psi.shape)
    shifted.state[PSI][...] = psi
    run.run(3)
    shifted.run(3)
    assert abs(run.state[PSI] - shifted.state[PSI]).max() < 1e-6
