"""Parts of the kind "hamiltonian" that need no run: initial rows, structures by name, costs, snapshots."""

from __future__ import annotations

import typing
from pathlib import Path

import h5py
import numpy as np
import pytest

from hpcphys.compiler.native.cost import cost_of
from hpcphys.compiler.splitting.split import METHODS
from hpcphys.compiler.structures.registry import structure_names, structure_options
from hpcphys.decomposition.communicator import Communicator
from hpcphys.io.states import write_states
from hpcphys.kernels import backend
from hpcphys.run.errors import JobError
from hpcphys.run.expressions import assembly, job
from hpcphys.run.expressions.watch import BatchWatch
from hpcphys.run.job_file import parse_job
from hpcphys.run.used import job_text

JOB = """
[system]
kind = "hamiltonian"
[hamiltonian]
variables = ["q[2]", "p[2]"]
expression = "dot(p, p)/2 + g*q[1]"
parameters = { g = 1.0 }
[initial]
systems = 50
definitions = { angle = "2*pi*uniform" }
values = { q = ["cos(angle)", "sin(angle)"], p = ["0.1*normal", "0.1*normal"] }
[time]
steps = 20
step = 0.01
"""


def parsed(text: str):
    return parse_job(text, "job.toml", Path("/nowhere"))


def rows(text: str, first: int, last: int) -> dict[str, np.ndarray]:
    return assembly.declaration_of(parsed(text)).rows.rows(first, last)


def test_initial_rows_do_not_depend_on_how_they_are_shared():
    whole = rows(JOB, 0, 50)
    parts = [rows(JOB, a, b) for a, b in ((0, 17), (17, 17), (17, 41), (41, 50))]
    for name, array in whole.items():
        assert np.array_equal(np.concatenate([part[name] for part in parts]), array), name


def test_a_definition_is_drawn_once_and_an_entry_each_time():
    found = rows(JOB.replace("systems = 50", "systems = 4000"), 0, 4000)
    assert np.allclose(np.linalg.norm(found["q"], axis=1), 1.0)  # one angle for both components
    assert abs(np.corrcoef(found["p"].T)[0, 1]) < 0.06  # two draws
    assert found["p"].std() == pytest.approx(0.1, rel=0.05)
    angle = np.arctan2(*found["q"].T)
    assert np.histogram(angle, 8, (-np.pi, np.pi))[0].std() < 45


def test_the_seed_counts():
    assert not np.array_equal(rows(JOB, 0, 5)["q"], rows(JOB.replace("50", "50\nseed = 2"), 0, 5)["q"])


def test_the_schema_knows_the_compilers_names():
    assert typing.get_args(job.StructureName) == structure_names()
    assert set(job.IMPLICIT) < set(METHODS)
    known = {option for name in structure_names() for option in sum(structure_options(name), ())}
    assert known - {"energy"} == set(job.OPTIONS)


def test_the_effective_job_is_the_job():
    text = JOB.replace("g = 1.0", 'g = "1 + i"')
    assert parsed(job_text(parsed(text))) == parsed(text)


def test_constraints_hold():
    text = JOB.replace("[initial]", 'constraints = ["dot(q, q) - 1"]\n[initial]')
    text = text.replace('p = ["0.1*normal", "0.1*normal"]', "p = [0, 0]")
    given = parsed(text)
    declaration = assembly.declaration_of(given)
    program = assembly.compiled_program(given, declaration, declaration.rows.rows(0, 50), backend("cpu"))
    program.run(200)
    assert np.abs(np.linalg.norm(program.state["q"], axis=1) - 1.0).max() < 1e-12
    assert np.abs(program.state["q"][:, 1] - declaration.rows.rows(0, 50)["q"][:, 1]).max() > 0.1


def test_a_start_off_the_constraint_is_an_error_of_its_key():
    text = JOB.replace("[initial]", 'constraints = ["dot(q, q) - 2"]\n[initial]')
    given = parsed(text)
    declaration = assembly.declaration_of(given)
    with pytest.raises(JobError, match=r"hamiltonian\.constraints"):
        assembly.compiled_program(given, declaration, declaration.rows.rows(0, 50))


def test_a_composition_that_does_not_fit_is_an_error_of_its_key():
    text = JOB.replace(
        'expression = "dot(p, p)/2 + g*q[1]"', "expression = { a = 'p[0]^2', b = 'p[1]^2', c = 'q[1]' }"
    )
    given = parsed(text + 'integrator = "blanes_moan4"\n')
    declaration = assembly.declaration_of(given)
    with pytest.raises(JobError, match=r"time\.integrator.*two pieces"):
        assembly.compiled_program(given, declaration, declaration.rows.rows(0, 50))


def test_operations_of_a_step_are_counted():
    """One leapfrog step of p²/2 + q⁴/4 is three fused updates and a cube."""
    text = """
[system]
kind = "hamiltonian"
[hamiltonian]
variables = ["q", "p"]
expression = "p^2/2 + q^4/4"
splitting = "separable"
[initial]
values = { q = 1, p = 0 }
[time]
steps = 1
step = 0.1
"""
    given = parsed(text)
    declaration = assembly.declaration_of(given)
    program = assembly.compiled_program(
        given, declaration, declaration.rows.rows(0, 1), backend("cpu"), systems=1
    )
    cost = cost_of(program.native)
    assert cost.sums == 3
    assert 5 <= cost.products <= 6
    assert (cost.quotients, cost.roots, cost.functions) == (0, 0, 0)
    assert cost.bytes == 8 * 2 * 3  # q, p and the force, in and out


def test_rows_of_diagnostics_do_not_depend_on_the_order_of_systems():
    declaration = assembly.declaration_of(parsed(JOB))
    start = declaration.rows.rows(0, 50)
    moved = {name: array + 0.01 for name, array in start.items()}
    back = {name: np.ascontiguousarray(array[::-1]) for name, array in moved.items()}
    watch = BatchWatch(declaration, start, Communicator.serial(), 50)
    mirrored = BatchWatch(
        declaration, {name: array[::-1] for name, array in start.items()}, Communicator.serial(), 50
    )
    assert watch.row(moved, 0.0) == mirrored.row(back, 0.0)


def test_snapshots_have_named_axes(tmp_path):
    arrays = {"q": np.arange(6.0).reshape(3, 2), "mass": np.ones(3)}
    write_states(tmp_path / "s.h5", Communicator.serial(), arrays, 1.5, 7, first=4, job="text")
    with h5py.File(tmp_path / "s.h5") as file:
        assert [file["q"].dims[k][0].name for k in (0, 1)] == ["/system", "/q_component"]
        assert file["mass"].dims[0][0].name == "/system"
        assert np.array_equal(file["system"][:], [4, 5, 6])
        assert np.array_equal(file["q"][:], arrays["q"])
        assert (file.attrs["time"], file.attrs["step"]) == (1.5, 7)
