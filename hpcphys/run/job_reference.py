"""The reference page of job files and the JSON schema for editors, generated from the schema.

`python -m hpcphys.run.job_reference docs` writes docs/job_reference.md and docs/job.schema.json.
"""

from __future__ import annotations

import functools
import inspect
import json
import operator
import sys
import types
import typing
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter

from hpcphys.run.job import Job
from hpcphys.run.kind import MODULES, kind_named
from hpcphys.run.units import Quantity

INTRODUCTION = """# Job files

A job is a TOML file.  This page is generated from the schema (`python -m hpcphys.run.job_reference docs`);
an editor that knows JSON schemas completes and checks keys with [job.schema.json](job.schema.json).
`hpcphys check job.toml` lists every problem of a file at once.

A number whose type says [length], [time], ... may have a unit, as in `end = "2 Gyr"`; it becomes a number in
the units of the job, which the text of its kind names.

Relative input paths start at the job file's folder, relative output folders at the current folder.
"""

SHARED = """## Tables of every kind

A kind that adds keys to one of them, or gives them another meaning, has it in its own section.
"""


def reference() -> str:
    """The page as Markdown: the tables of each kind, then those that kinds share; a row for each key."""
    kinds = [kind_named(name) for name in MODULES]
    schemas = [typing.get_type_hints(kind.job, include_extras=True) for kind in kinds]
    shared = {
        name: table
        for name, table in typing.get_type_hints(Job, include_extras=True).items()
        if name in Job.model_fields and any(schema[name] == table for schema in schemas)
    }
    sections = [INTRODUCTION]
    for kind, schema in zip(kinds, schemas, strict=True):
        sections.append(f'## kind = "{kind.name}"\n\n{inspect.getdoc(kind)}\n')
        for name in kind.job.model_fields:
            if schema[name] != shared.get(name):
                sections += _sections(name, schema[name], "###")
    sections.append(SHARED)
    for name, table in shared.items():
        sections += _sections(name, table, "###")
    return "\n".join(sections)


def _sections(name: str, annotation: object, heading: str) -> list[str]:
    """The table `name`, or each of the models that it may hold."""
    models = _models(annotation)
    if typing.get_origin(annotation) is dict:
        name = f"{name}.NAME"
    if len(models) == 1:
        (model,) = models
        sections = [f"{heading} [{name}]\n\n{inspect.getdoc(model)}\n\n{_table(model)}"]
        for key, field in model.model_fields.items():
            if len(_models(field.annotation)) == 1:  # a table within the table, or a list of them
                sections += _sections(f"{name}.{key}", field.annotation, heading)
        return sections
    sections = [f"{heading} [{name}]\n\n`model` says which of these it is.\n"]
    for model in models:
        choice = typing.get_args(model.model_fields["model"].annotation)[0]
        sections.append(f'{heading}# model = "{choice}"\n\n{inspect.getdoc(model)}\n\n{_table(model)}')
    return sections


def schema() -> str:
    """The JSON schema of a job file of any kind."""
    jobs = tuple(kind_named(name).job for name in MODULES)
    adapter: TypeAdapter[Any] = TypeAdapter(functools.reduce(operator.or_, jobs))
    return json.dumps(adapter.json_schema(), indent=2, ensure_ascii=False) + "\n"


def write(folder: Path) -> list[Path]:
    """Write both files into a folder; their paths."""
    page, editor = folder / "job_reference.md", folder / "job.schema.json"
    page.write_text(reference(), encoding="utf-8")
    editor.write_text(schema(), encoding="utf-8")
    return [page, editor]


def _models(kind: object) -> list[type[BaseModel]]:
    """The models that a type annotation allows."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return [kind]
    return [model for member in typing.get_args(kind) for model in _models(member)]


def _table(model: type[BaseModel]) -> str:
    rows = ["| key | type | default | meaning |", "|---|---|---|---|"]
    for key, field in model.model_fields.items():
        if key == "model":
            continue
        if field.is_required():
            default = "needed"
        elif isinstance(field.default, BaseModel):
            default = "a Plummer sphere"
        else:
            default = "none" if field.default is None else f"`{json.dumps(field.default)}`"
        kind = _kind(field.annotation) + _dimension(field) + _bounds(field)
        cells = (f"`{key}`", kind, default, _cell(field.description))
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def _cell(text: str) -> str:
    """Text for a cell of a Markdown table."""
    return text.replace("|", "\\|")


def _kind(annotation: object) -> str:
    """The type in a user's words."""
    origin = typing.get_origin(annotation)
    if origin is typing.Literal:
        return ", ".join(f"`{json.dumps(value)}`" for value in typing.get_args(annotation))
    if origin is typing.Annotated:
        return _kind(typing.get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        members = [member for member in typing.get_args(annotation) if member is not type(None)]
        words = dict.fromkeys(_kind(member) for member in members)
        return "table" if _models(annotation) else " or ".join(words)
    names: dict[object, str] = {
        bool: "true or false", int: "integer", float: "number", str: "text", typing.Any: "value"
    }  # fmt: skip
    if origin is list:
        (member,) = typing.get_args(annotation)
        if typing.get_origin(member) is list:
            return f"list of rows, each a {_kind(member)}"
        if typing.get_origin(member) is dict or _models(member):
            return "list of tables"
        return "list of " + " or ".join(f"{word}s" for word in _kind(member).split(" or "))
    if origin is dict:
        return f"table of {_kind(typing.get_args(annotation)[1])}"
    return names.get(annotation, str(annotation))


def _dimension(field) -> str:
    """What a number with a unit measures, as " [length]"."""
    marks = [mark for mark in field.metadata if isinstance(mark, Quantity)]
    return f" [{marks[0].dimension}]" if marks else ""


def _bounds(field) -> str:
    """Bounds of a number, as ", ≥ 0"."""
    signs = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤"}
    metadata = list(field.metadata)
    for member in typing.get_args(field.annotation):
        metadata += getattr(member, "__metadata__", ())
    found = {}
    for entry in metadata:
        for constraint in getattr(entry, "metadata", [entry]):
            for name, sign in signs.items():
                if (bound := getattr(constraint, name, None)) is not None:
                    found[name] = (
                        f"{sign} {bound:g}" if abs(bound) < 1e6 else f"{sign} 2^{bound.bit_length() - 1}"
                    )
    return f", {' and '.join(found.values())}" if found else ""


if __name__ == "__main__":
    for written in write(Path(sys.argv[1] if len(sys.argv) > 1 else "docs")):
        print(written)
