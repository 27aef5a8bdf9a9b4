"""Figures of a run of a wavefunction."""

from __future__ import annotations

from hpcphys.report.wavefunctions.folder import plot_wavefunction

__all__ = ["plot_wavefunction"]
