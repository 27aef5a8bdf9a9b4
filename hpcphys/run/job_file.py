"""From the text of a job file to a valid Job, or to the list of everything that is wrong with it."""

from __future__ import annotations

import difflib
import tomllib
import typing
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from hpcphys.run.errors import JobError
from hpcphys.run.job import Job
from hpcphys.run.kind import MODULES, Kind, kind_named
from hpcphys.run.toml_lines import key_lines, line_of
from hpcphys.run.units import convert

Path_ = tuple[str, ...]


def load_job(path: str | Path, settings: list[str] | None = None) -> Job:
    """The valid job of a file.

    settings: "time.step=0.01" texts of --set, which win over the file.
    Raises JobError with every problem at once.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise JobError([f"{path}: no such file; give the path of a job file (TOML)"]) from None
    except IsADirectoryError:
        raise JobError(
            [f"{path}: is a folder; give a job file, or use `hpcphys resume {path}` to continue a run"]
        ) from None
    except (OSError, UnicodeDecodeError) as problem:
        raise JobError([f"{path}: cannot be read: {problem}"]) from problem
    return parse_job(text, name=str(path), folder=path.resolve().parent, settings=settings)


def parse_job(
    text: str, name: str, folder: Path, settings: list[str] | None = None, files_needed: bool = True
) -> Job:
    """The valid job of a text; `name` stands in messages, relative input paths start at `folder`.

    files_needed: False when initial conditions come from a checkpoint, so that an input file may be gone.
    Raises JobError with every problem at once.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise JobError([f"{_syntax_place(name, problem)}: not valid TOML: {problem}"]) from None
    content.pop("used", None)  # job.used.toml says there what it ran on
    lines = key_lines(text)
    sources = _apply_settings(content, settings or [])

    def place(path: Path_) -> str:
        for length in range(len(path), 0, -1):
            if path[:length] in sources:
                return sources[path[:length]]
        return f"{name}:{line_of(path, lines)}"

    kind, found = _kind(content)
    schema = kind.job if kind is not None else Job
    if kind is not None:
        found += convert(content, schema, kind.unit_system(content))
    tables, faults = _validated_tables(content, schema, own_tables=kind is not None)
    found += [fault for fault in faults if fault[0] not in {path for path, _ in found}]
    if kind is not None:
        kind.normalised(tables, folder)
        found += kind.broken_rules(tables, files_needed)
    if found:
        ordered = sorted(found, key=lambda item: (line_of(item[0], lines), item[0]))
        raise JobError([f"{place(path)}: {'.'.join(path)}: {text}" for path, text in ordered])
    return schema(**tables)


def _syntax_place(name: str, problem: tomllib.TOMLDecodeError) -> str:
    _, _, rest = str(problem).partition("(at line ")
    return f"{name}:{rest.partition(',')[0]}" if rest else name


def _apply_settings(content: dict, settings: list[str]) -> dict[Path_, str]:
    """Put `table.key=value` texts into the job; where each of them came from, for messages."""
    sources: dict[Path_, str] = {}
    for setting in settings:
        key, sign, value = setting.partition("=")
        path = tuple(part.strip() for part in key.split("."))
        if not sign or len(path) < 2 or not all(path):
            raise JobError([f"--set {setting}: use --set table.key=value, as in --set time.step=0.01"])
        try:
            parsed = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            parsed = value.strip()  # text needs no quotes here: the shell has eaten them
        holder = content
        for part in path[:-1]:
            holder = holder.setdefault(part, {})
            if not isinstance(holder, dict):
                raise JobError([f"--set {setting}: {part} is not a table"])
        holder[path[-1]] = parsed
        sources[path] = f"--set {setting}"
    return sources


def _kind(content: dict[str, Any]) -> tuple[Kind | None, list[tuple[Path_, str]]]:
    """The kind that [system] kind names, or what is wrong with what it names."""
    system = content.get("system")
    if not isinstance(system, dict) or "kind" not in system:
        return None, []
    name = system["kind"]
    if name in MODULES:
        return kind_named(name), []
    return None, [(("system", "kind"), f"found {_shown(name)}{_suggestion(str(name), sorted(MODULES))}")]


def _validated_tables(
    content: dict[str, Any], schema: type[Job], own_tables: bool
) -> tuple[dict[str, Any], list[tuple[Path_, str]]]:
    """Each valid table by name, and the problems of the others: one bad table does not hide another's.

    own_tables: whether the schema has all tables, those of the kind of system included
    """
    found: list[tuple[Path_, str]] = []
    tables: dict[str, Any] = {}
    hints = typing.get_type_hints(schema, include_extras=True)
    for name in content:
        if own_tables and name not in schema.model_fields:
            found.append(((name,), f"unknown table{_suggestion(name, list(schema.model_fields))}"))
    for name, field in schema.model_fields.items():
        if name not in content:
            if field.is_required():
                found.append(((name,), f"the table [{name}] is missing; add it"))
            continue
        if not isinstance(content[name], dict):
            found.append(((name,), f"found {content[name]!r}; [{name}] is a table of keys"))
            continue
        try:
            tables[name] = TypeAdapter(hints[name]).validate_python(content[name])
        except ValidationError as problems:
            found += [_explained(name, hints[name], problem) for problem in problems.errors()]
    return tables, found


def _explained(table: str, kind: Any, problem: Any) -> tuple[Path_, str]:
    """Path and text of one pydantic problem, in a user's words."""
    path: Path_ = (table,)
    holder = kind
    for part in problem["loc"]:
        if part in _tags(kind):  # pydantic puts the model's name into the path of a table that has several
            kind = _tags(kind)[part]
            continue
        path, holder = (*path, str(part)), kind
        if typing.get_origin(kind) is dict:  # a table of tables by name
            kind = typing.get_args(kind)[1]
            continue
        fields = getattr(kind, "model_fields", {})
        kind = _without_none(fields[part].annotation) if part in fields else None
    keys, tags = getattr(holder, "model_fields", {}), sorted(_tags(kind))
    found, code = problem["input"], problem["type"]
    if code == "extra_forbidden":
        return path, f"unknown key{_suggestion(path[-1], list(keys))}"
    if code == "missing":
        return path, f"is missing; add it: {keys[path[-1]].description}"
    if code == "union_tag_not_found":
        return (*path, "model"), f"is missing; add one of {', '.join(tags)}"
    if code == "union_tag_invalid":
        return (*path, "model"), f"found {found.get('model')!r}{_suggestion(str(found.get('model')), tags)}"
    if code == "literal_error" and isinstance(found, str):
        allowed = [str(value) for value in typing.get_args(kind)]
        close = difflib.get_close_matches(found, allowed, 1)
        if close:
            return path, f"found {found!r}; did you mean {close[0]!r}?"
    message = problem["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    return path, f"found {_shown(found)}; allowed: {message}"


def _without_none(kind: Any) -> Any:
    """X of `X | None`, other types as they are: a table that may be left out has the keys of the table."""
    members = [member for member in typing.get_args(kind) if member is not type(None)]
    return members[0] if len(members) == 1 and type(None) in typing.get_args(kind) else kind


def _tags(kind: Any) -> dict[str, type[BaseModel]]:
    """Models of a table by the value of their key `model`; empty for a table of one kind."""
    if typing.get_origin(kind) is typing.Annotated:
        kind = typing.get_args(kind)[0]
    models = [
        member
        for member in typing.get_args(kind)
        if isinstance(member, type) and issubclass(member, BaseModel)
    ]
    return {
        typing.get_args(model.model_fields["model"].annotation)[0]: model
        for model in models
        if "model" in model.model_fields
    }


def _shown(value: Any) -> str:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else repr(value)


def _suggestion(word: str, allowed: list[str]) -> str:
    close = difflib.get_close_matches(word, allowed, 1, 0.6)
    return f"; did you mean {close[0]!r}?" if close else f"; allowed: {', '.join(allowed)}"
