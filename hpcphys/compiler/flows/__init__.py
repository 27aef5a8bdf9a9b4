"""Flows of expression systems, held in symbols: what native kernels are written from."""

from __future__ import annotations

from hpcphys.compiler.flows.code import FlowCode
from hpcphys.compiler.flows.update import Update

__all__ = ["FlowCode", "Update"]
