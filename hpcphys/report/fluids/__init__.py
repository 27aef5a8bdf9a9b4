"""From the output folder of a flow to its figures and its movie."""

from __future__ import annotations

from hpcphys.report.fluids.plots import plot_flow

__all__ = ["plot_flow"]
