"""Wave packets on grids, and what of them the grid cannot hold."""

from __future__ import annotations

from hpcphys.initial.wavefunctions.packets import boosted, gaussian_factor, outer_product
from hpcphys.initial.wavefunctions.resolution import AxisShares, axis_shares, outside_of_gaussian

__all__ = [
    "AxisShares",
    "axis_shares",
    "boosted",
    "gaussian_factor",
    "outer_product",
    "outside_of_gaussian",
]
