"""Figures of a run of a plasma."""

from __future__ import annotations

from hpcphys.report.plasmas.folder import plot_plasma

__all__ = ["plot_plasma"]
