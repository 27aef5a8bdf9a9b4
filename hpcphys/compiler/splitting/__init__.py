"""Splittings: H as a sum of parts that move by exact flows, found from the expression and the structure."""

from __future__ import annotations

from hpcphys.compiler.splitting.parts import Part, Splitting
from hpcphys.compiler.splitting.split import SplittingError, split
from hpcphys.compiler.splitting.verification import FlowError, verify_splitting

__all__ = ["FlowError", "Part", "Splitting", "SplittingError", "split", "verify_splitting"]
