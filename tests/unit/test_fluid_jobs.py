"""Job files of flows: what they may say, what is said about those that may not."""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import pytest

from hpcphys.initial.vorticity import PHYSICAL, SPECTRAL
from hpcphys.run.errors import JobError
from hpcphys.run.fluids import initial_tables
from hpcphys.run.fluids.job import FluidJob
from hpcphys.run.job_file import parse_job
from hpcphys.run.kind import kind_of

VALID = """
[system]
kind = 'fluid'

[grid]
points = 32

[fluid]
viscosity = 1e-3

[initial]
model = 'random'
peak = 3

[time]
end = 1
step = 0.01
"""
FORCED = VALID + "\n[forcing]\nwavenumber = 6\n"
STATED = VALID.replace("'random'\npeak = 3", "'expression'\nexpression = 'sin(x)*cos(2*y)'")


def parsed(text: str) -> FluidJob:
    return parse_job(text, "job.toml", Path("/nowhere"))


def problems(text: str) -> str:
    with pytest.raises(JobError) as caught:
        parsed(text)
    assert caught.value.exit_code == 2
    return "\n".join(caught.value.problems)


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("end = 1\n", "", "job.toml:15: time.end: neither end nor steps is given"),
        ("step = 0.01", "", "job.toml:15: time.step: is missing; give the length of a step, or adaptive"),
        (
            "step = 0.01",
            "step = 0.01\nadaptive = true",
            "job.toml:17: time.step: is given together with adaptive",
        ),
        (
            "step = 0.01",
            "step = 0.01\nmax_step = 1",
            "job.toml:18: time.max_step: is for adaptive steps only",
        ),
        ("step = 0.01", "step = 2", "job.toml:17: time.step: found 2.0, longer than the whole run"),
        (
            "step = 0.01",
            "step = 0.01\nintegrator = 'rk5'",
            "time.integrator: found 'rk5'; did you mean 'rk4'?",
        ),
        ("points = 32", "points = 4", "job.toml:6: grid.points: found 4"),
        (
            "1e-3",
            "1e-3\nviscosity_rate = 2",
            "job.toml:10: fluid.viscosity_rate: is given together with viscosity",
        ),
        ("1e-3", "1e-3\ndealias = 'yes'", "fluid.dealias: found 'yes'; allowed: 'two_thirds' or 'hou_li'"),
        ("'random'\npeak = 3", "'rest'", "job.toml:12: initial.model: 'rest' without a table [forcing]"),
        ("'random'", "'rondom'", "initial.model: found 'rondom'; did you mean 'random'?"),
        ("peak = 3", "peek = 3", "job.toml:13: initial.peek: unknown key; did you mean 'peak'?"),
        ("'random'\npeak = 3", "'file'\npath = 'x.h5'", "initial.path: no such file: /nowhere/x.h5"),
    ],
)
def test_each_fault_is_named_with_its_line(old, new, found):
    assert old in VALID
    assert found in problems(VALID.replace(old, new))


@pytest.mark.parametrize(
    ("wavenumber", "fits"),
    [("8", True), ("8.5", True), ("9", False), ("60", False), ("1.5", False), ("1.6", True)],
)
def test_forcing_must_lie_in_the_resolved_band(wavenumber, fits):
    """K = 10 and the ring is ± 1.5 wide."""
    text = FORCED.replace("wavenumber = 6", f"wavenumber = {wavenumber}")
    if fits:
        assert parsed(text).forcing.wavenumber == float(wavenumber)
    else:
        assert "forcing.wavenumber: found" in problems(text)
        assert "resolves wavenumbers up to 10" in problems(text)


def test_the_window_of_the_fit_must_be_resolved():
    window = VALID + "\n[diagnostics]\nfit_min = {0}\nfit_max = {1}\n"
    assert parsed(window.format(3, 10)).diagnostics.fit_max == 10.0
    assert "below the largest wavenumber, 10" in problems(window.format(3, 11))
    assert "diagnostics.fit_max" in problems(window.format(8, 3))
    assert "diagnostics.fit_max: is missing" in problems(VALID + "\n[diagnostics]\nfit_min = 3\n")
    assert "average_to" in problems(VALID + "\n[diagnostics]\naverage_from = 3\naverage_to = 2\n")


def test_a_start_at_rest_bounds_adaptive_steps():
    text = FORCED.replace("'random'\npeak = 3", "'rest'").replace("step = 0.01", "adaptive = true")
    assert "time.max_step: is missing" in problems(text)
    assert parsed(text.replace("adaptive = true", "adaptive = true\nmax_step = 0.1")).time.adaptive


def test_zeitlins_model_has_its_own_rules():
    text = VALID.replace("viscosity = 1e-3", "model = 'zeitlin'").replace(
        "step = 0.01", "step = 0.01\nintegrator = 'isospectral_midpoint'"
    )
    assert parsed(text).fluid.model == "zeitlin"
    assert "needs 'isospectral_midpoint'" in problems(text.replace("'isospectral_midpoint'", "'rk4'"))
    assert "neither viscosity nor drag" in problems(text.replace("'zeitlin'", "'zeitlin'\ndrag = 1.0"))
    odd = text.replace("'zeitlin'", "'zeitlin'\nsine_angle = 'zeitlin'")
    assert "found 32; sine_angle = 'zeitlin' needs an odd size, as 33" in problems(odd)
    assert parsed(odd.replace("points = 32", "points = 33"))
    assert "has no forcing" in problems(text + "\n[forcing]\nwavenumber = 6\n")
    assert "is for model = 'zeitlin'" in problems(text.replace("model = 'zeitlin'\n", ""))


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("sin(w)", ["'w'", "^"]),
        ("sin(x", ["^"]),
        ("x.real", ["^"]),
        ("__import__('os')", ["initial.expression"]),
    ],
)
def test_a_wrong_expression_is_shown(expression, words):
    found = problems(STATED.replace("sin(x)*cos(2*y)", expression.replace("'", '"')))
    assert "initial.expression" in found
    for word in words:
        assert word in found


def simulation(text: str):
    from hpcphys.decomposition.communicator import Communicator
    from hpcphys.kernels import backend
    from hpcphys.report.log import Log
    from hpcphys.report.timers import Timers

    job, serial = parsed(text), Communicator.serial()
    return kind_of(job).simulation(job, backend("cpu", threads=1), serial, Timers(serial), Log(1), None)


def test_an_expression_is_the_flow_it_states():
    flow = simulation(STATED)
    x = np.arange(32) * 2 * np.pi / 32
    assert np.abs(flow.field_rows() - np.sin(x)[None, :] * np.cos(2 * x)[:, None]).max() < 1e-14
    stream = simulation(STATED.replace("[time]", "quantity = 'streamfunction'\nparameters = {}\n[time]"))
    assert np.abs(stream.field_rows() - 5.0 * flow.field_rows()).max() < 1e-13
    added = simulation(
        STATED.replace("cos(2*y)", "cos(2*y) + a").replace("[time]", "parameters = {a = 0.5}\n[time]")
    )
    assert np.abs(added.field_rows() - flow.field_rows()).max() < 1e-14  # the mean is subtracted


def test_an_infinite_expression_names_the_point():
    with pytest.raises(JobError, match=r"initial.expression: is inf at x = 0, y = 0, a point of the grid"):
        simulation(STATED.replace("sin(x)*cos(2*y)", "1/(sin(x)^2 + sin(y)^2)"))


def test_a_step_beyond_the_courant_limit_is_refused():
    with pytest.raises(JobError, match=r"time.step: found 0.4; .* is the longest that is stable"):
        simulation(VALID.replace("0.01", "0.4"))


def test_what_does_not_fit_the_grid_is_refused():
    with pytest.raises(JobError, match=r"initial.peak: found 12; the grid resolves wavenumbers 1 to 10"):
        simulation(VALID.replace("peak = 3", "peak = 12"))


def test_check_warns_of_large_prime_factors():
    job = parsed(VALID.replace("points = 32", "points = 118"))
    assert any(
        "warning: 118 points have the prime factor 59" in line for line in kind_of(job).estimate(job, 1)
    )
    assert any("at most 118 can run" in line for line in kind_of(job).estimate(job, 119))
    assert not any("warning" in line for line in kind_of(parsed(VALID)).estimate(parsed(VALID), 2))


def test_tables_of_initial_flows_are_the_models_parameters():
    """Names and defaults; the file and the expression belong to the program."""
    classes = {
        cls.model_fields["model"].annotation.__args__[0]: cls
        for cls in initial_tables.Initial.__args__[0].__args__
    }
    models = SPECTRAL | PHYSICAL
    assert set(classes) == {*models, "file", "expression"}
    for name, function in models.items():
        known = {
            key: entry.default
            for key, entry in inspect.signature(function).parameters.items()
            if entry.kind is inspect.Parameter.KEYWORD_ONLY
        }
        keys = classes[name].model_fields
        assert set(keys) - {"model"} == set(known), name
        for key, default in known.items():
            assert default is inspect.Parameter.empty or keys[key].default == default, f"{name}.{key}"


def test_every_key_is_described():
    for table in FluidJob.model_json_schema()["$defs"].values():
        for key, entry in table["properties"].items():
            assert key in ("model", "kind") or entry.get("description"), (table["title"], key)


def test_explain_names_equation_formulation_and_conservation():
    job = parsed(FORCED.replace("viscosity = 1e-3", "viscosity_rate = 5.0\nviscosity_order = 4\ndrag = 0.1"))
    text = kind_of(job).explanation(job)
    for words in (
        "- ν (-Δ)^4 ω", "- μ ω", "white in time", r"\partial_t \omega", "Basdevant", "K = 10", "piece advect",
        "piece force", "energy and enstrophy", "FT(u² - v²)", "N²/P bytes",
    ):  # fmt: skip
        assert words in text, text
