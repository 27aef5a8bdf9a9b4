"""Simulations of liquids in this process: LAMMPS's numbers, restarts bit for bit, starts, files, failures."""

from __future__ import annotations

import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from hpcphys.decomposition.communicator import Communicator
from hpcphys.io.h5md import read_h5md
from hpcphys.io.lammps_data import write_lammps_data
from hpcphys.io.rows import DataFileError
from hpcphys.report.log import Log
from hpcphys.run.errors import JobError, RunError
from hpcphys.run.liquids.exclusions import template_atoms
from hpcphys.run.liquids.lists import LISTED

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from liquid_jobs import (
    CELL,
    CHAIN,
    DUMB_BELLS,
    LANGEVIN,
    LATTICE,
    MOLECULES,
    MTK,
    NVE,
    OBSERVED,
    PAIRS,
    RESCALED,
    job_text,
    saved,
    started,
)

SERIAL = Communicator.serial()


def test_lammps_numbers():
    """in.lj of LAMMPS's benchmarks, 32,000 atoms: Temp 1.44, E_pair -6.7733681, TotEng -4.6134356,
    Press -5.0197073, which do not depend on the directions of the velocities."""
    cells = LATTICE.replace("[5, 5, 5]", "[20, 20, 20]").replace("0.8", "0.8442").replace("1.2", "1.44")
    text = job_text(cells, PAIRS + '\ntail = false\nprecision = "double"')
    simulation = started(text.replace("step = 0.004", "step = 0.005"))
    row, atoms = simulation.row(), simulation.atoms
    assert atoms == 32000
    assert row["temperature"] == pytest.approx(1.44, abs=1e-12)
    assert row["potential_energy"] / atoms == pytest.approx(-6.7733681, abs=6e-8)
    assert row["total_energy"] / atoms == pytest.approx(-4.6134356, abs=6e-8)
    assert row["pressure"] == pytest.approx(-5.0197073, abs=6e-8)
    # What LAMMPS (22 Jul 2025, neigh_modify every 1 check yes) prints at step 100 from these positions and
    # velocities, by read_data; its benchmark's lists of 20 steps without a check give TotEng -4.6221716.
    simulation.advance(100, diagnosed=True)
    row = simulation.row()
    assert row["temperature"] == pytest.approx(0.75535538, abs=2e-8)
    assert row["potential_energy"] / atoms == pytest.approx(-5.755147, abs=6e-7)
    assert row["total_energy"] / atoms == pytest.approx(-4.6221494, abs=1e-7)
    assert row["pressure"] == pytest.approx(0.24099582, abs=2e-7)


ENSEMBLES = {
    "nve": (LATTICE, NVE, OBSERVED),
    "langevin": (LATTICE, LANGEVIN + "\nramp = [[0.0, 1.2], [1.0, 0.4]]", OBSERVED),
    "nose_hoover_chain": (LATTICE, CHAIN, OBSERVED),
    "velocity_rescaling": (LATTICE, RESCALED, ""),
    "cell_rescaling": (LATTICE, CELL, ""),
    "mtk": (LATTICE, MTK, ""),
    "dumb-bells": (DUMB_BELLS, MTK, MOLECULES),
}


@pytest.mark.parametrize("name", ENSEMBLES)
def test_a_resumed_run_is_bit_for_bit_the_uninterrupted_one(tmp_path, name):
    """State, thermostats, box, lists, and all that observables remember, wherever it is interrupted."""
    initial, ensemble, more = ENSEMBLES[name]
    text = job_text(initial, ensemble=ensemble, more=more)
    whole = started(text)
    whole.advance(129, diagnosed=True)
    parted = started(text)
    parted.advance(107, diagnosed=False)
    resumed = started(text, saved(parted, tmp_path))
    assert resumed.pairs.evaluations == 0  # forces come from the checkpoint, as totals and without differ
    resumed.advance(22, diagnosed=True)
    for array in whole.state.names():
        assert resumed.state[array].tobytes() == whole.state[array].tobytes(), array
    assert resumed.state.scalars == whole.state.scalars
    assert resumed.pairs.memory == whole.pairs.memory
    row, other = whole.row(), resumed.row()
    for column in row.keys() - {"conserved_error"}:  # its start is noted by the driver's first row
        assert np.array_equal(row[column], other[column]), column
    one, two = whole.observing.blocks(), resumed.observing.blocks()
    assert one.keys() == two.keys()
    for key, block in one.items():
        assert np.array_equal(block.array, two[key].array), key


def test_calls_of_any_length_give_the_same_bits():
    text = job_text(ensemble=LANGEVIN, more=OBSERVED)
    one, many = started(text), started(text)
    one.advance(40, diagnosed=False)
    for steps in (1, 2, 13, 24):
        many.advance(steps, diagnosed=False)
    assert one.state["velocity"].tobytes() == many.state["velocity"].tobytes()


def test_lists_are_rebuilt_when_the_job_says_so():
    simulation = started(job_text(pairs=PAIRS + "\nbuffer = 1.2\nrebuild_every = 7"))
    simulation.advance(21, diagnosed=False)
    assert simulation.pairs.builds == 4  # the first, and after 7, 14, 21 steps
    rarely = started(job_text(pairs=PAIRS + "\nbuffer = 1.2"))
    rarely.advance(21, diagnosed=False)
    assert rarely.pairs.builds == 1
    assert simulation.state[LISTED].shape == (500, 3)


def test_tails_are_in_energy_and_pressure():
    """U_tail/N = 8π ρ/9 (r_c^-9 - 3 r_c^-3), P_tail = 32π ρ²/9 (r_c^-9 - 3/2 r_c^-3) (Allen & Tildesley)."""
    long, short = (started(job_text(pairs=f"{PAIRS}\ntail = {with_}")).row() for with_ in ("true", "false"))
    nine, three = 2.5**-9, 2.5**-3
    energy = 500 * 8 * np.pi * 0.8 / 9 * (nine - 3 * three)
    assert long["potential_energy"] - short["potential_energy"] == pytest.approx(energy, rel=1e-6)
    pressure = 32 * np.pi * 0.8**2 / 9 * (nine - 1.5 * three)
    assert long["pressure"] - short["pressure"] == pytest.approx(pressure, rel=1e-5)


@pytest.mark.parametrize("method", ["fire", "lbfgs"])
def test_atoms_at_random_are_pushed_apart(method):
    random = f'model = "random"\natoms = 400\ndensity = 0.6\ntemperature = 1.0\nminimise = "{method}"'
    simulation = started(job_text(random))
    row = simulation.row()
    assert row["temperature"] == pytest.approx(1.0)
    assert row["potential_energy"] / 400 < -2.0
    simulation.advance(20, diagnosed=True)
    assert abs(simulation.row()["conserved_error"]) < 0.05


def test_what_observables_come_to(tmp_path):
    simulation = started(job_text(more=OBSERVED))
    simulation.advance(100, diagnosed=True)
    simulation.write_results(tmp_path)
    metrics = simulation.metrics(simulation.row(), 100, 1.0)
    assert metrics["samples"] == 24
    assert metrics["density"] == pytest.approx(0.8)
    assert {
        "pressure_error",
        "diffusion",
        "diffusion_green_kubo",
        "viscosity",
        "heat_capacity",
    } <= metrics.keys()
    assert metrics["rdf_peak_radius"] == pytest.approx(1.08, abs=0.1)
    with h5py.File(tmp_path / "observables.h5") as file:
        assert set(file) == {"rdf_0_0", "msd", "vacf", "structure_factor", "viscosity"}
        early = file["msd/time"][:] > 0.0
        # ⟨Δr²⟩ = 3 T t² at first; ⟨v²⟩ = 3 T
        assert file["msd/msd"][:][early][0] == pytest.approx(
            3 * metrics["temperature"] * file["msd/time"][:][early][0] ** 2, rel=0.1
        )
        assert file["vacf/value"][0] == pytest.approx(3 * metrics["temperature"], rel=0.05)


def test_snapshots_and_files_bring_the_state_back(tmp_path):
    """An H5MD snapshot in double precision, and a LAMMPS data file, give the same energies."""
    text = job_text(more="[output]\nsnapshot_double = true")
    simulation = started(text)
    simulation.advance(20, diagnosed=True)
    path = tmp_path / simulation.snapshot_pattern
    simulation.write_snapshot(path, "the job")
    simulation.write_snapshot(path, "the job")
    state = simulation.state
    frame = read_h5md(path, SERIAL)
    assert frame.step == 20
    arrays = {name: state[name] for name in ("id", "position", "velocity", "image", "type", "mass")}
    write_lammps_data(tmp_path / "a.data", SERIAL, arrays, simulation.box.vectors)
    for name in (path, tmp_path / "a.data"):
        again = started(job_text(f'model = "file"\npath = "{name}"'))
        row, other = simulation.row(), again.row()
        for column in ("potential_energy", "kinetic_energy", "pressure", "volume"):
            assert other[column] == pytest.approx(row[column], rel=1e-6), column
    larger = started(job_text(f'model = "file"\npath = "{path}"\nreplicate = [2, 1, 1]'))
    assert larger.row()["potential_energy"] == pytest.approx(2 * row["potential_energy"], rel=1e-6)
    with h5py.File(path) as file:
        assert file["h5md"].attrs["job"] == "the job"
        assert file["particles/all/position/value"].shape == (2, 500, 3)
    simulation.snapshots.resume(tmp_path, 19)
    with h5py.File(path) as file:
        assert file["particles/all/position/value"].shape == (0, 500, 3)


class Lines(Log):
    """What a run says."""

    def __init__(self):
        super().__init__(1)
        self.said: list[str] = []

    def line(self, text: str = "") -> None:
        self.said.append(text)


def test_berendsen_warns_of_what_it_does_not_sample():
    log = Lines()
    started(job_text(ensemble='model = "berendsen"\ntemperature = 1.0\nperiod = 0.1'), log=log)
    assert any("samples NO known ensemble" in text for text in log.said)


def failure(text: str, steps: int = 300) -> str:
    """What ends the run of a job, at its start or within so many steps."""
    with pytest.raises((RunError, JobError)) as caught:
        gone_through(text, steps)
    return str(caught.value)


def gone_through(text: str, steps: int) -> None:
    """Run a job, looking at each fifth step."""
    simulation = started(text)
    for _ in range(steps // 5):
        simulation.check(simulation.row())
        simulation.advance(5, diagnosed=True)


def on_top(folder: Path, distance: float, mass: float = 1.0) -> str:
    """A file of a lattice whose second atom lies so far from the first."""
    simulation = started(job_text())
    state = simulation.state
    arrays = {name: state[name].copy() for name in ("id", "position", "velocity", "type", "mass")}
    arrays["position"][1] = arrays["position"][0] + [distance, 0.0, 0.0]
    arrays["mass"][...] = mass
    write_lammps_data(folder / "bad.data", SERIAL, arrays, simulation.box.vectors)
    return f'model = "file"\npath = "{folder / "bad.data"}"'


def test_overlapping_atoms_are_named_before_the_first_step(tmp_path):
    text = failure(job_text(on_top(tmp_path, 0.0)))
    simulation = started(job_text())
    first, second = simulation.state["id"][:2]
    assert f"{first}" in text
    assert f"{second}" in text
    assert "are 0 apart at step 0: their force is no number" in text
    assert text.startswith("before the first step: atoms ")
    near = failure(job_text(on_top(tmp_path, 0.1)))
    assert "the force on atom" in near
    assert "farther than the cutoff 2.5: it overlaps with another" in near


def test_a_mass_of_zero_is_named(tmp_path):
    with pytest.raises(DataFileError, match="type 1 with mass 0; allowed are types"):
        started(job_text(on_top(tmp_path, 1.0, mass=0.0)))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            job_text(more="[limits]\ntemperature = 0.5"),
            "the temperature is 1.2 after step 0 at time 0, beyond",
        ),
        (
            job_text(more="[limits]\nenergy_error = 1e-5"),
            "the conserved quantity has drifted by",
        ),
        (
            job_text(LATTICE.replace("1.2", "1e7")),
            "atoms are lost: positions not finite or a million boxes away (ids [",
        ),
        (
            job_text(DUMB_BELLS.replace("1.2", "1e5"), more=MOLECULES),
            "cannot be met in 200 iterations: length found",
        ),
        (
            job_text(
                LATTICE.replace("0.8", "0.9"),
                ensemble=MTK.replace("pressure = 1.0", "pressure = 30.0"),
                pairs=PAIRS.replace("2.5", "4.0") + "\nbuffer = 0.1",
            ),
            "the cutoff 4 is more than half the box's width",
        ),
    ],
)
def test_what_ends_a_run_says_where_and_why(text, found):
    told = failure(text)
    assert found in told
    assert "step" in told


def test_molecules_of_a_file_must_be_as_the_template_says(tmp_path):
    """Bonds of another length than the template's are named, with their atoms."""
    simulation = started(job_text(DUMB_BELLS, more=MOLECULES))
    state = simulation.state
    arrays = {n: state[n] for n in ("id", "position", "velocity", "type", "mass", "molecule", "image")}
    write_lammps_data(tmp_path / "m.data", SERIAL, arrays, simulation.box.vectors)
    text = failure(
        job_text(f'model = "file"\npath = "{tmp_path / "m.data"}"', more=MOLECULES.replace("0.7", "0.75"))
    )
    assert "the bond of atoms with ids" in text
    assert "wanted 0.75" in text


def test_a_ramp_goes_on_though_rounding_moves_the_centre_of_mass():
    """The total momentum is checked at the start, not when the bath's temperature changes."""
    simulation = started(job_text(ensemble=CELL + "\nramp = [[0.0, 1.0], [0.8, 0.5]]", steps=200))
    simulation.state["velocity"] += 1e-5
    simulation.advance(101, diagnosed=True)
    assert simulation.system.ensemble.thermostat.temperature == pytest.approx(0.75)
    assert simulation.system.setting.degrees == 1497


def test_a_file_that_moves_as_a_whole_is_brought_to_rest_unless_the_job_keeps_it(tmp_path):
    simulation = started(job_text())
    state = simulation.state
    arrays = {name: state[name].copy() for name in ("id", "position", "velocity", "type", "mass")}
    arrays["velocity"] += 3.0
    write_lammps_data(tmp_path / "m.data", SERIAL, arrays, simulation.box.vectors)
    text = f'model = "file"\npath = "{tmp_path / "m.data"}"'
    assert started(job_text(text)).row()["temperature"] == pytest.approx(1.2)
    kept = started(job_text(f"{text}\nremove_drift = false")).row()
    # 3 N degrees of freedom hold the heat of 3 N - 3 and the drift's 27 N/2.
    assert kept["temperature"] == pytest.approx((1497 * 1.2 + 500 * 27.0) / 1500)


def test_a_box_that_shrinks_below_what_is_looked_at_ends_the_run():
    text = failure(
        job_text(
            ensemble=MTK.replace("pressure = 1.0", "pressure = 20.0"),
            more="[observables]\nrdf = { every = 5, largest = 4.2 }",
        )
    )
    assert "distances up to 4.2 were asked; the box" in text
    assert text.startswith("after step ")


def test_observables_that_cannot_be_are_told_as_part_of_the_job():
    text = failure(job_text(more="[observables]\nstructure_factor = { k_max = 0.1 }"))
    assert text.startswith("observables: k_max 0.1")


def test_lists_made_on_schedule_are_not_dangerous():
    simulation = started(job_text(pairs=PAIRS + "\nrebuild_every = 1"))
    simulation.advance(5, diagnosed=False)
    assert simulation.pairs.builds == 6
    assert simulation.pairs.dangerous == 0


def test_lists_on_schedule_are_kept_beyond_their_buffer_and_counted(tmp_path):
    """As LAMMPS's `neigh_modify every 30 check no` does: pairs are missed, and the end of the run says so."""
    scheduled, watched = (PAIRS + "\nbuffer = 0.1" + more for more in ("\nrebuild_every = 30", ""))
    simulation, right = started(job_text(pairs=scheduled)), started(job_text(pairs=watched))
    for run in (simulation, right):
        run.advance(59, diagnosed=True)
    assert (simulation.pairs.builds, simulation.pairs.dangerous) == (2, 1)
    assert right.pairs.builds > 4
    assert right.pairs.dangerous == 0
    resumed = started(job_text(pairs=scheduled), saved(simulation, tmp_path))
    for run in (simulation, resumed):
        run.advance(1, diagnosed=True)
    assert resumed.pairs.builds == simulation.pairs.builds == 3
    assert resumed.pairs.dangerous == simulation.pairs.dangerous == 2
    assert resumed.state["velocity"].tobytes() == simulation.state["velocity"].tobytes()
    metrics = {"energy_error": 0.0, "energy_error_max": 0.0} | dict(
        simulation.metrics(simulation.row(), 60, 1.0)
    )
    assert "used beyond its buffer" in " ".join(simulation.closing_lines(metrics))
    for run, missed in ((simulation, True), (right, False)):
        run.advance(29, diagnosed=True)
        listed = run.pairs.totals()["energy"]
        run.pairs.rebuild(run.state)
        run.pairs.evaluate(run.state, {"totals"})
        assert (abs(run.pairs.totals()["energy"] - listed) > 1e-2) == missed


def test_pairs_without_a_force_follow_the_molecules_of_a_file():
    """Whatever the order of ids; molecules of other types keep their forces."""
    rows = np.array([[7, 40, 1], [7, 4, 0], [7, 9, 1], [3, 1, 0], [3, 2, 1], [5, 6, 1], [5, 7, 0], [5, 8, 1]])
    assert template_atoms(rows, [0, 1, 1]).tolist() == [[4, 9, 40]]
    assert template_atoms(rows, [0, 1]).tolist() == [[1, 2]]
    assert template_atoms(rows[:0], [0, 1]).shape == (0, 2)


def test_a_file_without_molecules_is_no_start_for_molecules(tmp_path):
    text = failure(job_text(on_top(tmp_path, 1.0), more=MOLECULES))
    assert "does not say which molecule an atom belongs to" in text
