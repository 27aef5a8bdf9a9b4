"""What a step of a native program costs: operations counted in the C++ that was written for it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

FUNCTION_OPERATIONS = 20
"""What an elementary function counts for: about so many multiplications and additions in its polynomial."""

SUMS, PRODUCTS, QUOTIENTS = (" + ", " - "), (" * ",), (" / ",)
_FUSED = re.compile(r"\b(?:multiply_add|subtract_product)\(")
_POWER = re.compile(r"\bpower<(\d+)>\(")
_INVERSE = re.compile(r"\binverse\(")
_ROOT = re.compile(r"\b(?:square_root|inverse_square_root)\(")
_FUNCTION = re.compile(
    r"\b(?:exponential|logarithm|sine|cosine|tangent|hyperbolic_\w+|arc_\w+|sine_and_cosine|normal_pair)\("
)
"""The words of kernels/batch.h.  A sine and a cosine of one angle are made together and count once."""


@dataclass(frozen=True)
class Cost:
    """Operations of one step of one system, and bytes of one call.

    sums, products, quotients, roots, functions: counted in the statements of the step
    bytes: that one system's values take in memory, loaded and stored once in a call, however many steps it
    does
    """

    sums: int
    products: int
    quotients: int
    roots: int
    functions: int
    bytes: int

    @property
    def operations(self) -> int:
        """Floating-point operations of a step, an elementary function as FUNCTION_OPERATIONS."""
        return self.sums + self.products + self.quotients + self.roots + FUNCTION_OPERATIONS * self.functions

    def describe(self) -> str:
        """One line for `explain`."""
        return (
            f"{self.operations} operations per step and system ({self.sums} sums, {self.products} products, "
            f"{self.quotients} quotients, {self.roots} roots, {self.functions} functions of "
            f"{FUNCTION_OPERATIONS} each); {self.bytes} bytes of memory traffic per call and system, "
            "whatever the number of steps in the call"
        )


def cost_of(native: Any) -> Cost:
    """The cost of a NativeProgram, from its text.  Iterations are counted once.

    In an outlined program, whose flows are functions, the body of each counts once for every call.
    """
    text = native.text
    start = text.index("{", text.index("for (long long s = 0"))
    step, before = text[start : text.index("store_system", start)], text[:start]
    functions = dict(
        re.findall(r"const auto (flow_\d+) = \[&\].*?\{.*?\n(.*?)\n\s*\};", before, flags=re.DOTALL)
    )
    statements = [
        step,
        *(functions[name] for name in re.findall(r"\b(flow_\d+)\(", step) if name in functions),
    ]
    counted = [_counts(part) for part in statements]
    sums, products, quotients, roots, called = (sum(column) for column in zip(*counted, strict=True))
    width = sum(v.width for v in native.layout.moved)
    constant = sum(v.width for v in native.layout.constant)
    return Cost(sums, products, quotients, roots, called, 8 * (2 * width + constant))


def _counts(text: str) -> tuple[int, int, int, int, int]:
    body = "\n".join(line.partition("//")[0] for line in text.splitlines())
    fused = len(_FUSED.findall(body))
    powers = sum(int(n).bit_length() + int(n).bit_count() - 2 for n in _POWER.findall(body))
    return (
        fused + sum(map(body.count, SUMS)), fused + powers + sum(map(body.count, PRODUCTS)),
        sum(map(body.count, QUOTIENTS)) + len(_INVERSE.findall(body)),
        len(_ROOT.findall(body)), len(_FUNCTION.findall(body)),
    )  # fmt: skip
