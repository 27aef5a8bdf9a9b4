"""Structures of expressions are there by name, and cost nothing until one is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

from hpcphys.compiler import structures


def test_sympy_is_imported_with_the_first_symbolic_name_only() -> None:
    program = (
        "import sys, hpcphys.compiler, hpcphys.compiler.structures as s; assert 'sympy' not in sys.modules;"
        "s.SymbolicCanonical; assert 'sympy' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_every_public_name_is_there() -> None:
    for name in structures.__all__:
        assert getattr(structures, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Unknown'"):
        _ = structures.Unknown
