"""Runs of small plasmas: what they conserve, measure and write, and that they go on where they stopped."""

from __future__ import annotations

import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from hpcphys.decomposition.communicator import Communicator
from hpcphys.io.blocks import Block
from hpcphys.io.openpmd import read_species
from hpcphys.run.checkpoint import newest_checkpoint, write_checkpoint

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from small_plasmas import CHARGES, WAVES, simulation

ALONE = Communicator.serial()
WALLS = (
    "fields.boundaries.x='absorbing'", "fields.layers=3",
    "particles.boundaries.x=['absorbing', 'reflecting']",
    "fields.background=false", "diagnostics.modes=[]",
)  # fmt: skip


def run(made, steps: int) -> list[dict]:
    rows = [made.row()]
    for _ in range(steps):
        made.advance(1, diagnosed=True)
        rows.append(made.row())
    return rows


def checkpoint(made, folder: Path):
    place = made.placement
    arrays = {name: Block(np.asarray(made.state[name]), *place[name]) for name in made.state.names()}
    write_checkpoint(
        folder, ALONE, arrays | made.further_blocks(), made.state.time, made.state.step,
        scalars=made.state.scalars, memory=made.memory, job="", keep=1,
    )  # fmt: skip
    return newest_checkpoint(folder, ALONE)[0]


def test_conservation_of_an_electromagnetic_plasma() -> None:
    made = simulation(WAVES, "particles.precision='double'")
    rows = run(made, 6)
    assert max(row["charge_residual"] for row in rows) < 1e-14
    # The leapfrog changes the energy of a standing wave by (ω dt/2)², here 3 %.
    assert abs(rows[-1]["energy_error"]) < 2e-2
    assert all(row["particles_electrons"] == 12 * 8 * 8 for row in rows)
    assert rows[0]["weight_electrons"] == pytest.approx(1.2 * 0.8, rel=0.05)
    assert np.hypot(*rows[0]["mode_B_z_1_0"]) == pytest.approx(0.15, rel=1e-6)
    assert rows[-1]["magnetic_energy"].shape == (3,)


def test_kinetic_energy_is_that_of_whole_steps() -> None:
    made = simulation(CHARGES, "species.electrons.displacement=['0.05*sin(x)']")
    rows = run(made, 40)
    # Energies half a step apart would differ by their product's slope: ω dt/2 of them, 10 %.
    largest = max(row["kinetic_electrons"] for row in rows)
    assert max(abs(row["energy"] - rows[0]["energy"]) for row in rows) < 0.03 * largest


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        (WAVES, ()),
        (WAVES, WALLS),
        (WAVES, ("particles.shape='linear'", "particles.precision='double'", "fields.solver='psatd'")),
        (CHARGES, ("external.magnetic=[0, 0, 0.5]",)),
    ],
)
def test_a_resumed_plasma_is_the_uninterrupted_one_bit_for_bit(tmp_path, text, changes) -> None:
    whole = simulation(text, *changes)
    first = run(whole, 3)
    second = simulation(text, *changes, checkpoint=checkpoint(whole, tmp_path))
    assert second.state.step == 3
    for _ in range(3):
        for made in (whole, second):
            made.advance(1, diagnosed=True)
        expected, found = whole.row(), second.row()
        for name, value in expected.items():
            assert np.array_equal(np.asarray(value), np.asarray(found[name])), name
    for name, particles in whole.parts.species.items():
        for column, values in particles.saved().items():
            assert np.array_equal(values, second.parts.species[name].saved()[column]), (name, column)
    assert len(first) == 4


def test_lost_particles_end_the_run() -> None:
    from hpcphys.run.errors import RunError

    made = simulation(WAVES)
    made.row()
    made.watch.memory["counts"]["ions"] += 1
    with pytest.raises(RunError, match="species ions has 384 particles, of 385 at the start"):
        made.advance(1, diagnosed=True)


def test_absorbed_particles_are_counted() -> None:
    made = simulation(WAVES, *WALLS, "species.electrons.thermal_velocity=2.0")
    rows = run(made, 6)
    assert rows[-1]["absorbed_electrons"] > 20
    assert rows[-1]["particles_electrons"] == rows[0]["particles_electrons"]


def test_snapshots_hold_fields_moments_and_particles(tmp_path) -> None:
    made = simulation(WAVES, "particles.precision='double'")
    made.row()
    made.write_snapshot(tmp_path / "openpmd" / "plasma_00000.h5", "job")
    with h5py.File(tmp_path / "openpmd" / "plasma_00000.h5") as file:
        fields = file["data/0/fields"]
        density = fields["density_electrons"][:]
        assert density.shape == (12, 8)
        assert density.mean() == pytest.approx(1.0, rel=0.05)
        x = np.arange(12) * 0.1
        assert np.corrcoef(density.mean(axis=1), np.cos(2 * np.pi * x / 1.2))[0, 1] > 0.9
        assert fields["temperature_electrons/y"][:].mean() == pytest.approx(0.04, rel=0.3)
        assert fields["B/z"][:].max() == pytest.approx(0.3, rel=0.05)
        charge = fields["rho"][:]
        assert charge == pytest.approx(fields["density_ions"][:] - density, abs=1e-12)
    scales = made.parts.declaration.constants.scales(2)
    (rows,) = read_species(tmp_path / "openpmd" / "plasma_00000.h5", "ions", scales)
    assert sorted(rows.id) == list(range(12 * 8 * 4))
    again = simulation(
        WAVES, "particles.precision='double'", "fields.background=true",
        f"species.ions.path='{tmp_path}/openpmd/plasma_00000.h5'",
    )  # fmt: skip
    found = again.parts.species["ions"].rows()
    order, other = np.argsort(found["id"]), np.argsort(rows.id)
    assert found["position"][order] == pytest.approx(rows.position[other], abs=1e-12)


def test_further_series() -> None:
    made = simulation(WAVES)
    assert set(made.further_series()) == {"phase_space", "lines"}
    rows = made.further_rows()
    histogram = rows["phase_space"]["electrons_x_u_x"]
    assert histogram.shape == (6, 8)
    assert histogram.sum() == pytest.approx(made.row()["weight_electrons"], rel=1e-5)
    assert rows["lines"]["E_x_x"].shape == (12,)
    made.advance(1, diagnosed=True)
    assert made.further_rows() == {}


def test_a_magnetic_gyration_is_boris_own() -> None:
    made = simulation(
        CHARGES, "fields.solver='none'", "external.magnetic=[0, 0, 1.0]", "external.electric=[0.1, 0, 0]",
        "species.electrons.drift=[0.3, 0, 0]", "species.electrons.displacement=[]",
        "particles.relativistic=false",
    )  # fmt: skip
    from hpcphys.physics.plasma import theory

    rows = run(made, 30)
    mass = rows[0]["weight_electrons"]
    u = np.array([row["momentum_electrons"][:2] / mass for row in rows])
    found = theory.gyration(u[:, 0], u[:, 1])
    assert found.phase == pytest.approx(theory.boris_phase(1.0, 0.2), abs=1e-12)
    assert found.drift == pytest.approx((0.0, -0.1), abs=1e-12)
