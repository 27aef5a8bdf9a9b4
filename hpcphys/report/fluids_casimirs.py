"""The figure of what three ways of computing one ideal flow do to its Casimirs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from hpcphys.report.figures import BLUE, FIGURE_WIDTH, GREEN, GREY, RED

POWERS = (2, 3, 4, 5, 6)
COLOURS = (RED, BLUE, GREEN)
FLOOR = 1e-17
"""Drawn in the place of no change at all."""

Series = Mapping[str, np.ndarray]


def casimir_drifts(series: Series) -> dict[str, np.ndarray]:
    """Relative changes |C(t) - C(0)|/scale of "energy" and "casimir_2" … "casimir_6", those that are there.

    series: "time" (n,), "energy" (n,) and "casimir_m" (n,), C_m = integral omega^m
    An odd moment may vanish: its scale is sqrt(C_{m-1} C_{m+1}), an upper bound of |C_m| by Schwarz's
    inequality; without its neighbours, |C_m(0)|.
    """
    found = {}
    if "energy" in series:
        found["energy"] = _change(series["energy"], abs(series["energy"][0]))
    for power in POWERS:
        name = f"casimir_{power}"
        if name not in series:
            continue
        scale = abs(series[name][0])
        below, above = (series.get(f"casimir_{power + step}") for step in (-1, 1))
        if power % 2 and below is not None and above is not None:
            scale = float(np.sqrt(below[0] * above[0]))
        found[name] = _change(series[name], scale)
    return found


def _change(values: np.ndarray, scale: float) -> np.ndarray:
    return np.abs(np.asarray(values) - values[0]) / (scale or 1.0)


def casimirs_figure(runs: Mapping[str, Series]) -> Figure:
    """Energy and the moments 2 … 6 over time, one panel each, one line for each way of computing the flow.

    runs: label ("Zeitlin", "pseudospectral RK4", "conserving midpoint", …) -> series as in `casimir_drifts`
    Raises ValueError if there is no run, or a run without "time".
    """
    if not runs or any("time" not in series for series in runs.values()):
        raise ValueError(
            f"a figure of Casimirs needs runs with a series 'time'; found {', '.join(runs) or 'none'}"
        )
    names = ("energy", *(f"casimir_{power}" for power in POWERS))
    figure = Figure(figsize=(FIGURE_WIDTH, 4.6))
    panels = figure.subplots(
        2, 3, sharex=True, sharey=True,
        gridspec_kw={"left": 0.13, "right": 0.98, "bottom": 0.12, "top": 0.85, "hspace": 0.3, "wspace": 0.08},
    )  # fmt: skip
    drifts = {label: casimir_drifts(series) for label, series in runs.items()}
    for panel, name in zip(panels.flat, names, strict=True):
        for index, (label, series) in enumerate(runs.items()):
            if name in drifts[label]:
                values = np.maximum(drifts[label][name], FLOOR)
                panel.plot(series["time"], values, color=COLOURS[index % len(COLOURS)], label=label)
        power = name.removeprefix("casimir_")
        panel.set_title("energy" if name == "energy" else rf"$\int\omega^{power}$", loc="left", pad=3)
        panel.set_yscale("log")
        panel.set_ylim(FLOOR, 3.0)
        panel.axhline(np.finfo(float).eps, color=GREY, linewidth=0.4, linestyle=":")
    for panel in panels[:, 0]:
        panel.set_ylabel("relative change")
    for panel in panels[-1]:
        panel.set_xlabel("time")
    handles = [panels[0, 0].lines[index] for index in range(min(len(runs), len(panels[0, 0].lines)))]
    figure.legend(handles, list(runs)[: len(handles)], loc="upper center", ncols=len(runs))
    return figure
