"""What changes with time: means and widths, errors, relaxation, probabilities and fluxes."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from hpcphys.report.conservation import envelope, write_labels
from hpcphys.report.figures import BLUE, FIGURE_WIDTH, GREEN, GREY, RED
from hpcphys.report.wavefunctions.run import Run

COLOURS = (BLUE, RED, GREEN, "#e08214", "#762a83", "#4393c3")
MARGINS = {"left": 0.13, "right": 0.8, "hspace": 0.12}
FLOOR = 1e-17
DASHES = (0, (4, 4))


def _panels(count: int, height: float = 1.5) -> tuple[Figure, Any]:
    figure = Figure(figsize=(FIGURE_WIDTH, 0.8 + height * count))
    tall = figure.get_figheight()
    margins = {**MARGINS, "bottom": 0.45 / tall, "top": 1 - 0.28 / tall}
    return figure, figure.subplots(count, 1, sharex=True, squeeze=False, gridspec_kw=margins)[:, 0]


def means_figure(run: Run) -> Figure | None:
    """Mean position and momentum with their widths, each axis in a colour, and the exact ones as dashes."""
    series = run.series
    if len(series.get("time", ())) < 3 or run.imaginary:
        return None
    kinds = {
        "position": r"$\langle x \rangle$", "position_width": r"$\Delta x$",
        "momentum": r"$\langle p \rangle$", "momentum_width": r"$\Delta p$",
    }  # fmt: skip
    figure, panels = _panels(len(kinds), 1.15)
    time, dashed = series["time"], False
    for panel, (kind, label) in zip(panels, kinds.items(), strict=True):
        for axis, colour in zip(run.labels, COLOURS, strict=False):
            name = f"{kind}_{axis}"
            panel.plot(time, series[name], color=colour, label=axis)
            if f"exact_{name}" in series:
                dashed = True
                panel.plot(time, series[f"exact_{name}"], color="black", linewidth=0.7, linestyle=DASHES)
        panel.set_ylabel(label)
        _open(panel)
    if len(run.labels) > 1:
        panels[0].legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    if dashed:
        panels[0].set_title("dashed: exact", loc="right", color=GREY)
    panels[-1].set_xlabel("time")
    panels[-1].set_xlim(time[0], time[-1])
    return figure


def _open(panel: Any) -> None:
    """Room around a curve that does not change: rounding is not drawn as if it were motion."""
    low, high = panel.get_ylim()
    middle, least = 0.5 * (low + high), 1e-6 * max(1.0, abs(low), abs(high))
    if high - low < least:
        panel.set_ylim(middle - max(0.1, 0.1 * abs(middle)), middle + max(0.1, 0.1 * abs(middle)))


def errors_figure(run: Run) -> Figure | None:
    """Errors of norm and energy, and distances from what is exact, on a logarithmic scale."""
    series = run.series
    if len(series.get("time", ())) < 3:
        return None
    known: dict[str, np.ndarray] = {}
    for name, label in (("norm_error", "norm"), ("energy_error", "energy"), ("wave_error", "wavefunction")):
        if name in series:
            known[label] = np.abs(series[name])
    for name in series:
        if name.startswith("exact_") and not run.imaginary:
            column = name.removeprefix("exact_")
            known[_words(column)] = np.abs(series[column] - series[name])
    if not known:
        return None
    figure, (axes,) = _panels(1, 2.7)
    time, ends = series["time"], []
    for (label, size), colour in zip(known.items(), ("black", *COLOURS, *COLOURS), strict=False):
        size = np.maximum(envelope(size), FLOOR)
        axes.plot(time, size, color=colour, linewidth=1.1)
        ends.append([np.log10(size[-1]), label, colour])
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    axes.set_ylim(max(low, FLOOR / 2), max(high, 1e-14))
    write_labels(axes, ends)
    axes.set_xlim(time[0], time[-1])
    axes.set_xlabel("time")
    axes.set_ylabel("error")
    axes.set_title(
        "norm and energy relative; distances from the exact values", loc="left", color=GREY, fontsize=8
    )
    return figure


def _words(column: str) -> str:
    """position_width_x -> width of x, momentum_y -> momentum y."""
    kind, _, axis = column.rpartition("_")
    words = {"position": f"mean {axis}", "position_width": f"width of {axis}", "momentum": f"mean p{axis}"}
    return words.get(kind, column.replace("_", " "))


def relaxation_figure(run: Run) -> Figure | None:
    """Imaginary time: the energy above what it ends at, or above the exact one, and the widths."""
    series = run.series
    if not run.imaginary or len(series.get("time", ())) < 3:
        return None
    figure, (fall, widths) = _panels(2, 1.7)
    time, energy = series["time"], series["energy"]
    exact = series.get("exact_energy")
    above = energy - (exact if exact is not None else energy[-1])
    fall.semilogy(time, np.maximum(np.abs(above), 1e-16), color="black")
    fall.set_ylabel(r"$|E - E_\mathrm{exact}|$" if exact is not None else r"$E - E_\mathrm{end}$")
    fall.set_title(f"E = {energy[-1]:.12g} at the end", loc="right", color=GREY)
    for axis, colour in zip(run.labels, COLOURS, strict=False):
        widths.plot(time, series[f"position_width_{axis}"], color=colour, label=axis)
    if len(run.labels) > 1:
        widths.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    widths.set_ylabel(r"$\Delta x$")
    widths.set_xlabel("imaginary time")
    widths.set_xlim(time[0], time[-1])
    return figure


def probabilities_figure(run: Run) -> Figure | None:
    """Norm, probabilities of regions and overlaps above; fluxes through planes below."""
    series = run.series
    time = series.get("time", np.zeros(0))
    if len(time) < 3:
        return None
    shares = {
        name.removeprefix("probability_"): series[name] for name in series if name.startswith("probability_")
    }
    if "overlap" in series:
        shares[r"$|\langle ref|\psi\rangle|^2$"] = series["overlap"]
    if run.job.get("wave", {}).get("absorber") is not None:
        shares["norm"] = series["norm"]
    fluxes = {name.removeprefix("flux_"): series[name] for name in series if name.startswith("flux_")}
    if not shares and not fluxes:
        return None
    figure, panels = _panels(bool(shares) + bool(fluxes), 1.9)
    drawn = [(curves, label) for curves, label in ((shares, "probability"), (fluxes, "flux")) if curves]
    for panel, (curves, label) in zip(list(panels), drawn, strict=True):
        for (name, values), colour in zip(curves.items(), COLOURS * 3, strict=False):
            panel.plot(time, values, color=colour, label=name)
            exact = series.get(f"exact_probability_{name}")
            if exact is not None:
                panel.plot(time, exact, color="black", linewidth=0.7, linestyle=DASHES)
        panel.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
        panel.set_ylabel(label)
    if shares:
        panels[0].set_ylim(-0.03, 1.05)
    panels[-1].set_xlabel("time")
    panels[-1].set_xlim(time[0], time[-1])
    return figure
