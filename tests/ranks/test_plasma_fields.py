"""Fields of a plasma on any number of ranks: updates bit for bit, solvers to round-off."""

from __future__ import annotations

import numpy as np
import pytest

from hpcphys.decomposition.communicator import Communicator
from hpcphys.decomposition.grids import GridBlocks
from hpcphys.kernels import backend
from hpcphys.physics.plasma.fields import Antenna, Maxwell, Poisson, gaussian_pulse

pytestmark = pytest.mark.mpi

MACHINE = backend("cpu", threads=1)


@pytest.fixture(scope="module")
def ranks():
    return Communicator.start(abort_hook=False)


def both(ranks, shape, periodic, **options):
    """The same fields on all ranks and on this rank alone."""
    made = []
    for communicator in (ranks, Communicator.serial()):
        blocks = GridBlocks(shape, communicator, 2, periodic=periodic, backend=MACHINE)
        made.append(Maxwell(blocks, (0.3, 0.4, 0.5)[: len(shape)], **options))
    return made


def set_everywhere(made, name, values):
    """Owned nodes of a field ← the whole grid's values (components, *shape + 1)."""
    blocks = made.blocks
    whole = tuple(
        slice(s, s + place.stop - place.start) for s, place in zip(blocks.start, blocks.nodes, strict=True)
    )
    field = getattr(made, name)
    field[(..., *blocks.nodes)] = values[(..., *whole)]


def same(here, alone, name, places="owned"):
    """Largest difference of a field between the ranks' and the serial run, guards included if asked."""
    blocks = here.blocks
    g = 0 if places == "owned" else blocks.guards
    mine = tuple(slice(blocks.guards - g, blocks.guards + n + g) for n in blocks.count)
    whole = tuple(
        slice(s + blocks.guards - g, s + blocks.guards + n + g)
        for s, n in zip(blocks.start, blocks.count, strict=True)
    )
    return abs(getattr(here, name)[(..., *mine)] - getattr(alone, name)[(..., *whole)]).max()


CASES = [
    ((48,), True, {"solver": "yee"}),
    ((48,), False, {"boundaries": {0: ("absorbing", "conducting")}, "layers": 7}),
    ((18, 20), (True, False), {"solver": "cole_karkkainen_cowan", "precision": "single"}),
    ((24, 22), False, {"boundaries": {0: "absorbing", 1: ("conducting", "absorbing")}, "layers": 9}),
    ((8, 10, 8), True, {"solver": "yee", "filter_passes": 1, "compensated": True}),
    ((10, 8, 12), (True, False, False), {"solver": "yee", "boundaries": {2: "absorbing"}, "layers": 4}),
]


@pytest.mark.parametrize(("shape", "periodic", "options"), CASES, ids=str)
def test_updates_do_not_depend_on_the_cut(ranks, shape, periodic, options):
    here, alone = both(ranks, shape, periodic, **options)
    rng = np.random.default_rng(3)
    for name in ("E", "B"):
        values = rng.normal(size=(3, *(n + 1 for n in shape)))
        for made in (here, alone):
            set_everywhere(made, name, values)
            (made.fill_E if name == "E" else made.fill_B)()
    dt = 0.8 * here.stable_step()
    for made in (here, alone):
        pulse = gaussian_pulse(1.0, waist=2.0, duration=3.0, centre=1.0, transverse_axes=len(shape) - 1)
        antenna = Antenna(
            made, axis=0, position=shape[0] // 2, amplitude=1.0, frequency=1.0, waveform=pulse, dt=dt
        )
        for step in range(6):
            made.J[...] = 0
            values = np.random.default_rng(step).normal(size=(3, *(n + 1 for n in shape)))
            set_everywhere(made, "J", values)
            made.finish_currents()
            antenna.drive(step * dt)
            made.faraday(0.5 * dt)
            made.faraday(0.5 * dt)
            made.ampere(dt)
    for name in ("E", "B"):
        assert same(here, alone, name, places="guards") == 0, name
    assert abs(here.E).max() > 0.1
    for kind in ("electric", "magnetic"):
        np.testing.assert_allclose(here.energy()[kind], alone.energy()[kind], rtol=1e-12, atol=1e-300)
    assert here.gauss_residual(here.rho) == pytest.approx(alone.gauss_residual(alone.rho), rel=1e-5)
    saved = {name: memory.copy() for name, memory in here.saved().items()}
    assert ranks.allreduce(len(saved), "max") > 0 or "layers" not in options
    here.ampere(dt)
    here.restore(saved)
    assert all((memory == saved[name]).all() for name, memory in here.saved().items())


@pytest.mark.parametrize(
    ("shape", "periodic"),
    [((48,), True), ((48,), False), ((16, 18), True), ((16, 18), (False, True)), ((8, 10, 16), False)],
    ids=str,
)
def test_poisson_and_psatd_agree_to_rounding(ranks, shape, periodic):
    solver = "psatd" if periodic is True and len(shape) > 1 else "yee"
    here, alone = both(ranks, shape, periodic, solver=solver)
    values = np.random.default_rng(5).normal(size=tuple(n + 1 for n in shape))
    if periodic is True:
        values -= values[tuple(slice(n) for n in shape)].mean()
    phis = []
    for made in (here, alone):
        set_everywhere(made, "rho", values)
        made.walls.fold_charge(made.rho)
        made.initial_E(made.rho)
        phis.append(np.empty_like(made.rho))
        Poisson(made.blocks, made.geometry.spacing[: len(shape)]).solve(made.rho, made.J, phis[-1])
        for _ in range(2):
            made.faraday(0.1)
            made.ampere(0.1)
    for name in ("E", "B", "J"):
        assert same(here, alone, name, places="guards") < 1e-13 * abs(alone.E).max() + 1e-14
    blocks = here.blocks
    whole = tuple(slice(s, s + n) for s, n in zip(blocks.start, blocks.local_shape, strict=True))
    assert abs(phis[0] - phis[1][whole]).max() < 1e-13 * abs(phis[1]).max()
