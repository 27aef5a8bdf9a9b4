"""Line numbers of keys in a TOML text."""

from __future__ import annotations

import tomllib

import pytest

from hpcphys.run.toml_lines import key_lines, line_of

TEXT = '''# a job
title = "x"  # [not.a.table]

[time]
step = 0.1
"end" = 1
notes = """
[initial]
seed = 3
"""
list = [
  1, # ]
  2,
]
after = 1

[initial.primary]
model = "plummer"
a.b = 2

[[many]]
key = { inner = 1 }
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("title",), 2),
        (("time",), 4),
        (("time", "step"), 5),
        (("time", "end"), 6),
        (("time", "after"), 15),
        (("initial", "primary"), 17),
        (("initial", "primary", "model"), 18),
        (("initial", "primary", "a", "b"), 19),
        (("many",), 21),
        (("many", "key", "inner"), 22),
        (("nowhere", "at", "all"), 1),
    ],
)
def test_line_of_a_key(path, line):
    tomllib.loads(TEXT)  # the text itself is valid
    assert line_of(path, key_lines(TEXT)) == line


def test_text_inside_strings_and_arrays_is_no_key():
    assert ("initial", "seed") not in key_lines(TEXT)
    assert ("initial",) not in key_lines(TEXT)
