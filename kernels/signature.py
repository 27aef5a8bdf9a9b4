"""Reads the kernels a module declares, so that each launch can be checked against its source.

A declaration is `KERNEL(name)(long long n, const double* RESTRICT position, double dt)` (one element per
thread), `GROUP_KERNEL(name)(long long n, ...)` (one group per block) or `HOST(name)(...)` (a C function that
returns long long).  It may stand in any header of the module, but not inside an `#if` other than the one that
hides HOST functions from CUDA.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from .errors import SignatureError
from .sources import ModuleSource

COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.MULTILINE)
TYPEDEF = re.compile(
    r"^[ \t]*(?:typedef[ \t]+([\w \t]+?)[ \t]+(\w+)|#[ \t]*define[ \t]+(\w+)[ \t]+([a-z][\w \t]*?))"
    r"[ \t]*;?[ \t]*$",
    re.MULTILINE,
)
DECLARATION = re.compile(r"\b(KERNEL|GROUP_KERNEL|HOST)\s*\(\s*(\w+)\s*\)\s*\(([^()]*)\)")
COMMA = re.compile(r",(?![^<]*>)")  # not the commas of template arguments
KIND = {"KERNEL": "elements", "GROUP_KERNEL": "groups", "HOST": "host"}
QUALIFIERS = {"const", "RESTRICT", "__restrict__", "__restrict", "volatile", "struct"}

# C++ type -> (NumPy kind, bytes); "V" stands for bytes without a declared meaning.
TYPES = {
    "double": "f8",
    "float": "f4",
    "int": "i4",
    "int32_t": "i4",
    "unsigned": "u4",
    "unsigned int": "u4",
    "uint32_t": "u4",
    "short": "i2",
    "unsigned short": "u2",
    "int16_t": "i2",
    "uint16_t": "u2",
    "long long": "i8",
    "int64_t": "i8",
    "unsigned long long": "u8",
    "uint64_t": "u8",
    "unsigned char": "u1",
    "uint8_t": "u1",
    "signed char": "i1",
    "int8_t": "i1",
    "char": "V",
    "void": "V",
    "bool": "b1",
}


@dataclass(frozen=True)
class Parameter:
    """One parameter of a kernel.

    code: NumPy's kind and size ("f8", "i4", ...), "V" for untyped bytes, "" for a type of the header itself.
    """

    name: str
    ctype: str
    code: str
    pointer: bool
    written: bool

    def mismatch(self, dtype: np.dtype[Any], code: str) -> str | None:
        """What is wrong with `dtype` for a pointer of `code`, or None; "V24" is a struct of 24 bytes."""
        found = f"{dtype.kind}{dtype.itemsize}"
        if code in ("", "V") or found == code or (code in ("u1", "b1") and found in ("u1", "b1")):
            return None
        # A struct may also be given as rows of its fields, where all have one type.
        if code[0] == "V" and (
            dtype.itemsize == int(code[1:]) if dtype.kind == "V" else int(code[1:]) % dtype.itemsize == 0
        ):
            return None
        wanted = f"a {code[1:]}-byte record or its fields" if code[0] == "V" else str(np.dtype(code))
        return f"expects {wanted} ({self.ctype}), found {dtype}"


@dataclass(frozen=True)
class Signature:
    """A declared kernel: its name, its kind ("elements", "groups", "host") and its parameters in order."""

    name: str
    kind: str
    parameters: tuple[Parameter, ...]

    @cached_property
    def declaration(self) -> str:
        """The parameter list in words, for error messages."""
        return ", ".join(f"{p.ctype}{'*' if p.pointer else ''} {p.name}" for p in self.parameters)

    def arity_error(self, given: int) -> SignatureError:
        """The error for a call with `given` arguments (n included)."""
        return SignatureError(
            f"{self.name}: {given} arguments given, {len(self.parameters)} declared ({self.declaration})"
        )


def signatures(source: ModuleSource) -> dict[str, Signature]:
    """Every kernel and host function that the module declares, by name.

    Raises SignatureError for a parameter that cannot be read, a name declared twice, or a kernel whose first
    parameter is not `long long n`.
    """
    uncommented = COMMENT.sub(" ", source.text)
    text = DIRECTIVE.sub("", uncommented)
    aliases = {new or macro: old or value for old, new, macro, value in TYPEDEF.findall(uncommented)}
    aliases.update(source.defines)
    found: dict[str, Signature] = {}
    for macro, name, arguments in DECLARATION.findall(text):
        if name in found:
            raise SignatureError(f"module '{source.name}': kernel '{name}' is declared twice")
        parts = [
            part for part in (piece.strip() for piece in COMMA.split(arguments)) if part and part != "void"
        ]
        parameters = tuple(_parameter(part, name, aliases) for part in parts)
        if macro != "HOST" and (not parameters or parameters[0].pointer or parameters[0].code != "i8"):
            raise SignatureError(
                f"kernel '{name}': the first parameter must be 'long long n', found '{arguments}'"
            )
        found[name] = Signature(name, KIND[macro], parameters)
    return found


def _parameter(text: str, kernel: str, aliases: dict[str, str]) -> Parameter:
    pointers = text.count("*")
    match = re.fullmatch(
        r"(.*?)\s*(\w+)", " ".join(word for word in text.replace("*", " ").split() if word not in QUALIFIERS)
    )
    if pointers > 1 or match is None or not match[1] or "&" in text or "[" in text:
        raise SignatureError(
            f"kernel '{kernel}': cannot read parameter '{text}'; write 'type name' or 'type* name'"
        )
    ctype, name = match[1], match[2]
    resolved = ctype
    for _ in aliases:
        if resolved in TYPES or resolved not in aliases:
            break
        resolved = aliases[resolved]
    code = TYPES.get(resolved, "")
    if not pointers and code in ("", "V"):
        raise SignatureError(f"kernel '{kernel}': scalar '{text}' must be one of {', '.join(sorted(TYPES))}")
    written = bool(pointers) and "const" not in text.split()
    return Parameter(name, resolved if code else ctype, code, bool(pointers), written)
