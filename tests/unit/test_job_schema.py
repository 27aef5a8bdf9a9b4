"""What a job file may say, and what is said about one that may not."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from hpcphys.initial import models
from hpcphys.run.errors import JobError
from hpcphys.run.galaxy import initial_tables
from hpcphys.run.job import Job
from hpcphys.run.job_file import load_job, parse_job
from hpcphys.run.job_reference import reference, schema
from hpcphys.run.used import job_text, used_text

ROOT = Path(__file__).parents[2]

VALID = """
[system]
kind = "gravity"

[initial]
model = "plummer"
particles = 100

[time]
end = 1
step = 0.01
"""


def parsed(text: str, settings: list[str] | None = None) -> Job:
    return parse_job(text, "job.toml", Path("/nowhere"), settings)


def problems(text: str, settings: list[str] | None = None) -> list[str]:
    with pytest.raises(JobError) as caught:
        parsed(text, settings)
    assert caught.value.exit_code == 2
    return caught.value.problems


def test_defaults_are_those_of_the_reference():
    job = parsed(VALID)
    assert (job.gravity.method, job.gravity.softening, job.gravity.tolerance) == ("tree", 0.01, 0.01)
    assert (job.gravity.precision, job.time.integrator) == ("mixed", "leapfrog")
    assert (job.output.checkpoint_every, job.output.keep) == (600.0, 2)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("setp = 1", "job.toml:12: time.setp: unknown key; did you mean 'step'?"),
        (
            "integrator = 'leepfrog'",
            "job.toml:12: time.integrator: found 'leepfrog'; did you mean 'leapfrog'?",
        ),
        ("integrator = 'x'", "job.toml:12: time.integrator: found 'x'; allowed: "),
        ("adaptive = 1", "job.toml:12: time.adaptive: found 1; allowed: a valid boolean"),
        ("max_step = nan", "job.toml:12: time.max_step: found nan; allowed: a finite number"),
        ("max_step = inf", "job.toml:12: time.max_step: found inf; allowed: a finite number"),
        ("max_step = '1'", "job.toml:12: time.max_step: found '1': it has no unit; give a number"),
        ("steps = -1", "job.toml:12: time.steps: found -1; allowed: greater than or equal to 1"),
        ("steps = true", "job.toml:12: time.steps: found true; allowed: a valid integer"),
        ("steps = 5", "job.toml:12: time.steps: both end and steps are given"),
        ("accuracy = 0.1", "job.toml:12: time.accuracy: is for adaptive steps only"),
        ("adaptive = true", "job.toml:9: time.accuracy: is missing; adaptive steps need it"),
        ("[gravity]\nsoftening = 0", "job.toml:13: gravity.softening: found 0"),
        ("[gravity]\nsoftening = 1\nsoftening_kernel = 'none'", "job.toml:13: gravity.softening: found 1"),
        ("[gravty]", "job.toml:12: gravty: unknown table; did you mean 'gravity'?"),
        ("[run]\nwall_limit = '1 hour'", "job.toml:13: run.wall_limit: found '1 hour'; allowed: use seconds"),
    ],
)
def test_each_fault_is_named_with_its_line(line, found):
    assert any(problem.startswith(found) for problem in problems(VALID + line)), problems(VALID + line)


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("particles = 100", "particles = 0", "job.toml:7: initial.particles: found 0"),
        (
            "particles = 100",
            "particles = 1.5",
            "job.toml:7: initial.particles: found 1.5; allowed: a valid integer",
        ),
        ("particles = 100", "virial_ratio = nan", "job.toml:7: initial.virial_ratio: found nan"),
        ("'plummer'", "'plumer'", "job.toml:6: initial.model: found 'plumer'; did you mean 'plummer'?"),
        ("model = 'plummer'", "", "job.toml:5: initial.model: is missing; add one of"),
        ("end = 1\n", "", "job.toml:9: time.end: neither end nor steps is given"),
        ("step = 0.01", "step = 2", "job.toml:11: time.step: found 2.0, longer than the whole run"),
        ("step = 0.01", "", "job.toml:9: time.step: is missing"),
        ("kind = 'gravity'", "kind = 3", "job.toml:3: system.kind: found 3; allowed: fluid, gravity"),
    ],
)
def test_each_fault_in_place_is_named_with_its_line(old, new, found):
    text = VALID.replace('"', "'")
    assert old in text
    assert problems(text.replace(old, new))[0].startswith(found)


def test_all_faults_are_told_at_once_in_the_order_of_the_file():
    text = VALID.replace("particles = 100", "particles = -1").replace("end = 1", "ende = 1") + "[outptu]\n"
    lines = [int(problem.split(":")[1]) for problem in problems(text)]
    assert lines == sorted(lines)
    assert lines == [7, 10, 12]


def test_a_number_is_no_table():
    text = VALID[: VALID.index("[time]")]
    assert "job.toml:1: time: found 3; [time] is a table of keys" in problems("time = 3\n" + text)


def test_a_missing_table_is_named():
    assert problems("[time]\nend = 1\nstep = 0.1\n") == [
        "job.toml:1: system: the table [system] is missing; add it",
    ]
    assert problems("[time]\nend = 1\nstep = 0.1\n[system]\nkind = 'gravity'") == [
        "job.toml:1: initial: the table [initial] is missing; add it",
    ]


def test_syntax_errors_have_a_line():
    assert problems("[system]\nkind = \n")[0].startswith("job.toml:2: not valid TOML:")


def test_faults_inside_the_galaxies_of_an_encounter():
    text = VALID.replace('"plummer"', '"encounter"') + '[initial.primary]\nmodel = "king"\nw = 3\n'
    assert problems(text) == ["job.toml:14: initial.primary.w: unknown key; did you mean 'w0'?"]


def test_settings_win_and_are_named_in_errors():
    assert parsed(VALID, ["time.step=0.5", "run.backend=cpu"]).time.step == 0.5
    assert problems(VALID, ["time.step=-1"]) == [
        "--set time.step=-1: time.step: found -1; allowed: greater than 0"
    ]
    assert problems(VALID, ["step=1"])[0].startswith("--set step=1: use --set table.key=value")


def test_wall_limit_in_the_words_of_batch_systems():
    assert parsed(VALID, ["run.wall_limit=01:00:30"]).run.wall_limit == 3630.0
    assert parsed(VALID, ["run.wall_limit=2-00:00:00"]).run.wall_limit == 172800.0
    assert parsed(VALID, ["run.wall_limit=90"]).run.wall_limit == 90.0


def test_without_a_softening_kernel_nothing_is_softened():
    job = parsed(VALID, ["gravity.softening_kernel=none"])
    assert job.gravity.softening == 0.0
    assert parsed(job_text(job)) == job


@pytest.mark.parametrize("path", sorted((ROOT / "jobs").rglob("*.toml")), ids=lambda path: path.name)
def test_job_files_are_valid_and_survive_being_written(path):
    job = load_job(path)
    assert parsed(used_text(job, {"ranks": 3, "device": 'a "device"'})).model_dump() == job.model_dump()


def test_relative_input_paths_start_at_the_job_file(tmp_path):
    (tmp_path / "start.hdf5").write_bytes(b"")
    text = VALID.replace('model = "plummer"\nparticles = 100', 'model = "file"\npath = "start.hdf5"')
    (tmp_path / "job.toml").write_text(text)
    assert load_job(tmp_path / "job.toml").initial.path == str(tmp_path / "start.hdf5")
    (tmp_path / "start.hdf5").unlink()
    with pytest.raises(JobError, match=r"job.toml:7: initial.path: no such file"):
        load_job(tmp_path / "job.toml")


def test_tables_of_initial_conditions_are_the_models_parameters():
    classes = {
        cls.model_fields["model"].annotation.__args__[0]: cls
        for cls in initial_tables.Initial.__args__[0].__args__
    }
    assert set(classes) == {*models, "file"}
    for name, function in models.items():
        keys = set(classes[name].model_fields) - {"model", "particles", "seed"}
        known = inspect.signature(function).parameters
        assert keys == set(known) - {"count", "rng_seed", "first", "last", "G", "communicator"}, name
        for key in keys - {"primary", "secondary"}:
            assert classes[name].model_fields[key].default == known[key].default, f"{name}.{key}"


def test_every_key_is_described():
    for table in (*Job.model_json_schema()["$defs"].values(),):
        for key, entry in table["properties"].items():
            assert key in ("model", "kind") or entry.get("description"), (table["title"], key)


def test_generated_documents_are_up_to_date():
    """`python -m hpcphys.run.job_reference docs` writes both."""
    assert (ROOT / "docs" / "job_reference.md").read_text(encoding="utf-8") == reference()
    assert (ROOT / "docs" / "job.schema.json").read_text(encoding="utf-8") == schema()
