"""Against energy: transmission through a barrier, and the spectrum of the autocorrelation."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from hpcphys.report.figures import BLUE, FIGURE_WIDTH, GREY, RED
from hpcphys.report.wavefunctions.run import Run

MARGINS = {"left": 0.12, "right": 0.97, "hspace": 0.1}


def transmission_figure(run: Run) -> Figure | None:
    """T(E) of the run as points, the exact curve, and their difference."""
    sweep = run.metrics.get("transmission")
    if not sweep:
        return None
    energy, share = np.array(sweep["energies"]), np.array(sweep["transmission"])
    exact = None if sweep.get("exact") is None else np.array(sweep["exact"])
    figure = Figure(figsize=(FIGURE_WIDTH, 4.4 if exact is not None else 3.2))
    tall = figure.get_figheight()
    margins = {**MARGINS, "bottom": 0.45 / tall, "top": 1 - 0.25 / tall}
    if exact is None:
        above = below = figure.subplots(gridspec_kw=margins)
    else:
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1), gridspec_kw=margins)
        fine = np.linspace(energy[0], energy[-1], 400)
        above.plot(fine, np.interp(fine, energy, exact), color="black", linewidth=0.9, label="exact")
        below.semilogy(energy, np.maximum(np.abs(share - exact), 1e-17), color="black", linewidth=0.9)
        below.set_ylabel("difference")
        above.set_title(f"largest difference {sweep['error_max']:.1e}", loc="right", color=GREY)
    above.plot(energy, share, "o", color=RED, markersize=3, label="wave packet")
    above.set_ylabel("transmission T(E)")
    above.set_ylim(-0.03, max(1.05, 1.02 * share.max()))
    above.legend(loc="center right")
    below.set_xlabel("energy")
    below.set_xlim(energy[0], energy[-1])
    return figure


def spectrum_figure(run: Run) -> Figure | None:
    """Lines of the autocorrelation's spectrum, with the exact levels that the job names."""
    found = run.metrics.get("spectrum")
    if not found or not found["lines"]:
        return None
    figure = Figure(figsize=(FIGURE_WIDTH, 3.2))
    axes = figure.subplots(gridspec_kw={"left": 0.12, "right": 0.97, "bottom": 0.14, "top": 0.92})
    lines, strengths = np.array(found["lines"]), np.array(found["strengths"])
    levels = [value for value in run.job.get("exact", {}).get("levels", []) if isinstance(value, float)]
    levels = run.metrics.get("spectrum", {}).get("levels", levels)
    for level in levels:
        axes.axvline(level, color=GREY, linewidth=0.6, linestyle=(0, (4, 3)))
    for line, strength in zip(lines, strengths, strict=True):
        axes.plot([line, line], [1e-6, strength], color=BLUE, linewidth=1.4)
    axes.plot(lines, strengths, "o", color=BLUE, markersize=3.5)
    axes.set_yscale("log")
    axes.set_ylim(0.3 * strengths.min(), 2.0 * strengths.max())
    room = max(found["resolution"], 0.06 * (lines[-1] - lines[0]))
    axes.set_xlim(lines[0] - room, lines[-1] + room)
    axes.set_xlabel("energy")
    axes.set_ylabel(r"$|\langle n | \psi(0) \rangle|^2$")
    note = f"lines merge closer than {found['resolution']:.2g}"
    if levels:
        note = f"dashed: exact;  {note}"
        if "error_max" in found:
            note = f"largest difference {found['error_max']:.1e};  {note}"
    axes.set_title(note, loc="right", color=GREY, fontsize=8)
    return figure
