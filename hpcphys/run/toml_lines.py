"""On which line of a TOML text each key stands, for error messages that an editor can jump to."""

from __future__ import annotations

import re

_TABLE = re.compile(r"\s*\[\[?\s*([^\[\]]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(
    r"""\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=\s*(.*)"""
)
_PART = re.compile(r"""[A-Za-z0-9_-]+|"[^"]*"|'[^']*'""")


def key_lines(text: str) -> dict[tuple[str, ...], int]:
    """Line (from 1) of every table header and key of a valid TOML text, by path: ("time", "step") -> 12.

    Keys inside inline tables are not listed: `line_of` gives the line of the key that holds them.
    """
    lines: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    waiting_for = ""
    depth = 0
    for number, line in enumerate(text.splitlines(), start=1):
        if waiting_for:
            if waiting_for in line:
                waiting_for = ""
            continue
        if depth > 0:
            depth += _brackets(line)
            continue
        if header := _TABLE.match(line):
            table = _parts(header[1])
            lines.setdefault(table, number)
        elif key := _KEY.match(line):
            path = table + _parts(key[1])
            for length in range(len(table) + 1, len(path) + 1):
                lines.setdefault(path[:length], number)
            value = key[2]
            for quote in ('"""', "'''"):
                if value.startswith(quote) and quote not in value[3:]:
                    waiting_for = quote
            if not waiting_for:
                depth = _brackets(value)
    return lines


def line_of(path: tuple[str, ...], lines: dict[tuple[str, ...], int]) -> int:
    """Line of the longest known beginning of `path`; 1 when nothing of it is there."""
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return 1


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in _PART.findall(dotted))


def _brackets(value: str) -> int:
    """Opened minus closed brackets outside strings and comments."""
    bare = re.sub(r'"(?:\\.|[^"\\])*"' + r"|'[^']*'", "", value).partition("#")[0]
    return sum(bare.count(mark) for mark in "[{") - sum(bare.count(mark) for mark in "]}")
