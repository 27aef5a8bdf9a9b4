"""job.used.toml: the effective job, every default written out, and what it ran on."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel

from hpcphys.run.job import Job


def job_text(job: Job) -> str:
    """The job as TOML with every default; keys that are not set stand in comments.  Reading it gives the
    same job."""
    lines: list[str] = []
    for name in type(job).model_fields:
        table = getattr(job, name)
        if isinstance(table, BaseModel):
            lines += [*_table_lines(name, table), ""]
        elif table is not None:  # tables by name
            for key, entry in table.items():
                lines += [*_table_lines(f"{name}.{_key(key)}", entry), ""]
    return "\n".join(lines)


def used_text(job: Job, used: Mapping[str, object]) -> str:
    """`job_text` with a table [used]: versions, ranks, threads, device (ignored when the file is run
    again)."""
    lines = ["[used]  # what the job ran on; not read"]
    lines += [f"{key} = {_value(value)}" for key, value in used.items()]
    return "# The job as it was run, with every default.\n\n" + job_text(job) + "\n".join(lines) + "\n"


def write_used(folder: Path, text: str) -> None:
    """Write job.used.toml in one step."""
    partial = folder / ".job.used.toml.partial"
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, folder / "job.used.toml")


def _table_lines(name: str, table: BaseModel) -> list[str]:
    lines, below = [f"[{name}]"], []
    for key in sorted(type(table).model_fields, key=lambda name: name != "model"):
        value = getattr(table, key)
        if isinstance(value, BaseModel):
            below += ["", *_table_lines(f"{name}.{key}", value)]
        elif value is None:
            lines.append(f"# {key} = none")
        else:
            lines.append(f"{key} = {_value(value)}")
    return lines + below


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_value(entry) for entry in value) + "]"
    if isinstance(value, BaseModel):
        value = value.model_dump(exclude_none=True)
    if isinstance(value, Mapping):
        entries = (f"{_key(key)} = {_value(entry)}" for key, entry in value.items())
        return "{" + ", ".join(entries) + "}"
    return repr(value)


def _key(name: str) -> str:
    """A key of TOML, quoted where it has to be."""
    bare = name.isascii() and name.replace("_", "").replace("-", "").isalnum()
    return name if bare else json.dumps(name, ensure_ascii=False)
