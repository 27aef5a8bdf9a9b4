"""Jobs with the Hamiltonian splitting: rules, longest steps, what explain says, runs and their resumption."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from hpcphys.io.blocks import Block
from hpcphys.physics.plasma.splitting import SplittingError, hamiltonian_splitting, stable_share
from hpcphys.run.checkpoint import newest_checkpoint, write_checkpoint
from hpcphys.run.errors import JobError
from hpcphys.run.plasmas.explain import explanation

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from small_plasmas import WAVES, job, simulation
from split_plasmas import SmallPlasma

SPLIT = "time.integrator='hamiltonian_splitting'"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ([SPLIT, "fields.solver='psatd'"], "fields.solver: found 'psatd'"),
        ([SPLIT, "particles.gather='momentum'"], "particles.gather: found 'momentum'"),
        ([SPLIT, "particles.shape='nearest'"], "particles.shape: found 'nearest'"),
        ([SPLIT, "particles.relativistic=true"], "particles.relativistic: found true"),
        ([SPLIT, "fields.filter_passes=2"], "fields.filter_passes: found 2"),
        ([SPLIT, "external.magnetic=[0, 0, 'cos(t)']"], "external.magnetic: depends on t"),
        (["time.composition='yoshida4'"], "time.composition: found 'yoshida4'"),
    ],
)
def test_rules(changes, message) -> None:
    with pytest.raises(JobError) as caught:
        job(WAVES, *changes)
    assert message in str(caught.value)


def test_a_step_that_the_composition_cannot_take() -> None:
    text = WAVES.replace("cfl = 0.9", "step = 0.06")
    job(text, SPLIT)
    with pytest.raises(JobError, match=r"time.step: found 0.06; .* stable up to 0.0556.* number 0.786"):
        job(text, SPLIT, "time.composition='yoshida4'")


@pytest.mark.parametrize("name", ["yoshida4", "suzuki4"])
def test_longest_step_of_a_composition(name) -> None:
    """A standing wave in vacuum stays small below the limit and grows without bound above it."""
    from hpcphys.compiler import compile_structure

    def largest(share):
        plasma = SmallPlasma((8, 8), 1, fields=0.0)
        fields = plasma.fields
        fields.E[...] = 0.0
        checked = np.indices(fields.B.shape[1:]).sum(axis=0) % 2
        fields.B[2] = 1e-3 * (2 * checked - 1)
        step = share * stable_share(name) * fields.stable_step()
        vacuum = hamiltonian_splitting(plasma.state, {}, fields)
        compile_structure(vacuum, name, dt=step).run(100)
        return abs(fields.B).max()

    assert largest(0.99) < 0.1
    assert largest(1.02) > 1.0


def test_explain_shows_the_splitting() -> None:
    text = explanation(job(WAVES, SPLIT))
    for words in ("H = Σ w m u²/2", "piece H_x: dx/dt = u_x", "that of a nearby Hamiltonian", "v = u"):
        assert words in text


def test_fields_that_have_no_bracket() -> None:
    plasma = SmallPlasma((8,), 1)
    plasma.fields.filter_passes = 1
    with pytest.raises(SplittingError, match="a filter of the currents"):
        hamiltonian_splitting(plasma.state, {"electrons": plasma.particles}, plasma.fields)


def test_a_resumed_run_is_the_uninterrupted_one(tmp_path) -> None:
    changes = (SPLIT, "particles.precision='double'", "time.composition='suzuki4'", "time.cfl=0.4")
    made = simulation(WAVES, *changes)
    first = made.row()
    made.advance(2, diagnosed=True)
    place = made.placement
    arrays = {name: Block(np.asarray(made.state[name]), *place[name]) for name in made.state.names()}
    write_checkpoint(
        tmp_path, made.communicator, arrays | made.further_blocks(), made.state.time, made.state.step,
        scalars=made.state.scalars, memory=made.memory, job="", keep=1,
    )  # fmt: skip
    made.advance(2, diagnosed=True)
    found = newest_checkpoint(tmp_path, made.communicator)[0]
    again = simulation(WAVES, *changes, checkpoint=found)
    again.advance(2, diagnosed=True)
    last, other = made.row(), again.row()
    assert all(np.array_equal(last[name], other[name]) for name in last)
    assert last["charge_residual"] < 1e-14
    assert abs(last["energy_error"]) < 1e-4
    assert abs(last["electric_energy"] - first["electric_energy"]).max() > 1e-4 * first["energy"]
