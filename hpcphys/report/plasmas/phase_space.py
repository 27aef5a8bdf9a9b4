"""Phase space at a few times: histograms of the same plane add up, species by species."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from hpcphys.report.figures import BLUE, RED
from hpcphys.report.plasmas.run import Run

PANELS = 4
DECADES = 3.5
LABELS = {"u_x": r"$u_x$", "u_y": r"$u_y$", "u_z": r"$u_z$", "x": "x", "y": "y", "z": "z"}


def phase_space_figure(run: Run) -> Figure | None:
    """A row of panels for each plane, at up to four times."""
    series, planes = run.further("phase_space"), _planes(run)
    if not series or not planes:
        return None
    times = series["time"]
    rows = sorted({round((len(times) - 1) * k / (PANELS - 1)) for k in range(PANELS)})
    figure = Figure(figsize=(2.2 * len(rows) + 1.2, 2.2 * len(planes) + 0.7))
    panels = figure.subplots(len(planes), len(rows), squeeze=False, sharey="row")
    figure.subplots_adjust(left=0.09, right=0.98, bottom=0.55 / (2.2 * len(planes) + 0.7), top=0.92,
                           wspace=0.08, hspace=0.35)  # fmt: skip
    for line, (axes, names) in zip(panels, planes.items(), strict=True):
        _draw(line, run, series, rows, axes, names)
    for panel, row in zip(panels[0], rows, strict=True):
        panel.set_title(f"t = {times[row]:.4g}")
    return figure


def _planes(run: Run) -> dict[tuple[str, ...], list[str]]:
    """Columns of the histograms by axes and bins."""
    found: dict[tuple[str, ...], list[str]] = {}
    for table in run.job.get("diagnostics", {}).get("phase_space", []):
        key = (*table["axes"], *map(str, table["bins"]), str(table.get("ranges")))
        found.setdefault(key, []).append("_".join((table["species"], *table["axes"])))
    return found


def _draw(
    panels: Any,
    run: Run,
    series: dict[str, np.ndarray],
    rows: list[int],
    key: tuple[str, ...],
    names: list[str],
) -> None:
    axes = [word for word in key if word in LABELS]
    ends = [series[f"{names[0]}_range_{axis}"][0] for axis in axes]
    total = np.sum([series[name] for name in names], axis=0)
    units = [run.length_unit if not axis.startswith("u") else "" for axis in axes]
    top = float(np.max(total)) or 1.0
    for panel, row in zip(panels, rows, strict=True):
        if len(axes) == 1:
            edges = np.linspace(ends[0][0], ends[0][1], total.shape[1] + 1)
            panel.stairs(total[row], edges, color=RED)
            panel.stairs(total[0], edges, color=BLUE, linewidth=0.6)
        else:
            panel.imshow(
                np.maximum(total[row].T, top * 10**-DECADES), origin="lower", aspect="auto", cmap="inferno",
                extent=(*ends[0], *ends[1]), norm=LogNorm(top * 10**-DECADES, top),
            )  # fmt: skip
        panel.set_xlabel(f"{LABELS[axes[0]]} {units[0]}")
        panel.locator_params(axis="x", nbins=4, prune="upper")
    panels[0].set_ylabel(f"{LABELS[axes[1]]} {units[1]}" if len(axes) > 1 else "particles")
