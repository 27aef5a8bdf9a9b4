"""Where the wavefunction is: densities at a few moments, and along an axis over all time."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from hpcphys.report.figures import FIGURE_WIDTH, GREY
from hpcphys.report.wavefunctions.run import Run, Snapshot

PANELS = 4
"""Maps side by side."""

LINES = 5
"""Moments in a figure of one axis."""

GAMMA = 0.5
"""Maps show density to this power: faint waves are seen beside bright ones."""

COLOURS = "magma"
PANEL, GAP, LEFT, RIGHT, LOW, HIGH = 2.3, 0.1, 0.6, 0.9, 0.5, 0.3  # inches


def density_figure(run: Run) -> Figure | None:
    """Lines with the potential for one axis; maps for two; projections on two planes for three."""
    if not run.paths:
        return None
    if len(run.labels) == 1:
        return _lines(run, run.snapshots(LINES))
    return _maps(run, run.snapshots(PANELS))


def _lines(run: Run, snapshots: list[Snapshot]) -> Figure:
    """|ψ|² at each moment above its own base line, with the potential below all of them."""
    figure = Figure(figsize=(FIGURE_WIDTH, 1.3 + 0.75 * len(snapshots)))
    margins = {"left": 0.06, "right": 0.88, "bottom": 0.42 / figure.get_figheight(), "top": 0.97}
    axes = figure.subplots(gridspec_kw=margins)
    (x,) = snapshots[0].axes
    tallest = max(s.density.max() for s in snapshots) or 1.0
    colours = colormaps[COLOURS](np.linspace(0.15, 0.75, len(snapshots)))
    for row, (snapshot, colour) in enumerate(zip(snapshots, colours, strict=True)):
        base, line = -1.1 * row, snapshot.density / tallest
        if snapshot.psi is not None:
            wave = snapshot.psi.real / np.sqrt(tallest)
            axes.plot(x, base + np.abs(wave) ** 2, color=colour, linewidth=0.5, alpha=0.6)
        axes.fill_between(x, base, base + line, color=colour, alpha=0.25, linewidth=0)
        axes.plot(x, base + line, color=colour, linewidth=1.1)
        axes.annotate(
            f"t = {snapshot.time:.4g}", (1.0, base + 0.1), xycoords=("axes fraction", "data"), xytext=(5, 0),
            textcoords="offset points", color=colour, annotation_clip=False,
        )  # fmt: skip
    shown = _where(snapshots)
    low, high = axes.get_ylim()
    _draw_potential(axes, run, x, shown, (low, high))
    axes.set_ylim(low, high)
    axes.set_xlim(*shown)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("x")
    axes.set_ylabel(r"$|\psi|^2$")
    return figure


def _where(snapshots: list[Snapshot]) -> tuple[float, float]:
    """The part of the axis that holds all but a millionth of the density at every moment."""
    (x,) = snapshots[0].axes
    shares = [np.cumsum(s.density) / max(s.density.sum(), 1e-300) for s in snapshots]
    low = min(float(x[int(np.searchsorted(share, 1e-6))]) for share in shares)
    high = max(float(x[min(int(np.searchsorted(share, 1.0 - 1e-6)), len(x) - 1)]) for share in shares)
    room = 0.08 * (high - low)
    return max(float(low - room), float(x[0])), min(float(high + room), float(x[-1]))


def _draw_potential(axes: Any, run: Run, x: np.ndarray, shown: tuple[float, float], heights: tuple) -> None:
    """V as a grey curve over the whole height of the figure, cut where it leaves it."""
    potential = run.potential(0.0, x)
    if potential is None:
        return
    inside = (x >= shown[0]) & (x <= shown[1]) & np.isfinite(potential)
    floor, ceiling = potential[inside].min(), potential[inside].max()
    low, high = heights
    scaled = low + (high - low) * (potential - floor) / max(ceiling - floor, 1e-300) * 0.95
    axes.plot(x, scaled, color=GREY, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
    axes.fill_between(x, low, scaled, color=GREY, alpha=0.07, linewidth=0, zorder=0)
    floor = 0.0 if abs(floor) < 1e-6 * abs(ceiling) else floor
    axes.annotate(
        f"dashed: potential, {floor:.3g} to {ceiling:.3g}; thin: square of the real part", (0.0, 1.0),
        xycoords="axes fraction", xytext=(2, -2), textcoords="offset points",
        color=GREY, fontsize=8, va="top",
    )  # fmt: skip


def _maps(run: Run, snapshots: list[Snapshot]) -> Figure:
    """One row of maps, or two of projections, on one scale."""
    rows = [[s.density for s in snapshots]]
    sights = [(0, 1)]
    if snapshots[0].side is not None:
        rows.append([s.side for s in snapshots if s.side is not None])
        sights.append((0, 2))
    axes_of = snapshots[0].axes
    extents = [_extent(axes_of[a]) + _extent(axes_of[b]) for a, b in sights]
    heights = [PANEL * (e[3] - e[2]) / (e[1] - e[0]) for e in extents]
    width = PANEL * len(snapshots) + GAP * (len(snapshots) - 1)
    size = np.array([LEFT + width + RIGHT, LOW + sum(heights) + GAP * (len(rows) - 1) + HIGH])
    figure = Figure(figsize=tuple(size))
    margins = {
        "left": LEFT / size[0], "right": (LEFT + width) / size[0], "bottom": LOW / size[1],
        "top": 1 - HIGH / size[1], "wspace": GAP / PANEL, "hspace": GAP / np.mean(heights),
    }  # fmt: skip
    panels = figure.subplots(
        len(rows), len(snapshots), squeeze=False, sharex=True, sharey="row", height_ratios=heights,
        gridspec_kw=margins,
    )  # fmt: skip
    for row, ((_, upward), images) in enumerate(zip(sights, rows, strict=True)):
        norm = PowerNorm(GAMMA, 0.0, max(image.max() for image in images) or 1.0)
        for panel, image, snapshot in zip(panels[row], images, snapshots, strict=True):
            drawn = panel.imshow(
                image.T, norm=norm, cmap=COLOURS, origin="lower", extent=extents[row],
                interpolation="bilinear", aspect="auto",
            )  # fmt: skip
            panel.spines[:].set_visible(False)
            if row == 0:
                panel.set_title(f"t = {snapshot.time:.4g}")
                if snapshots[0].side is None:
                    _contour(panel, run, snapshot)
        panels[row, 0].set_ylabel(run.labels[upward], labelpad=0)
    for panel in panels[-1]:
        panel.set_xlabel(run.labels[0])
    place = figure.add_axes(
        ((LEFT + width + 0.1) / size[0], LOW / size[1], 0.1 / size[0], 1 - (LOW + HIGH) / size[1])
    )
    bar = figure.colorbar(drawn, cax=place)
    bar.set_label(r"$|\psi|^2$" if len(rows) == 1 else r"$\int |\psi|^2$ along the line of sight")
    bar.outline.set_visible(False)
    return figure


def _extent(x: np.ndarray) -> tuple[float, float]:
    half = 0.5 * (x[1] - x[0]) if len(x) > 1 else 0.5
    return float(x[0] - half), float(x[-1] + half)


def _contour(panel: Any, run: Run, snapshot: Snapshot) -> None:
    """Level lines of the potential."""
    x, y = snapshot.axes
    potential = run.potential(snapshot.time, x[:, None], y[None, :])
    if potential is None or not np.isfinite(potential).all():
        return
    low, high = potential.min(), potential.max()
    if high > low:
        levels = low + (high - low) * np.array([0.02, 0.1, 0.25, 0.5])
        panel.contour(x, y, potential.T, levels=levels, colors="white", linewidths=0.4, alpha=0.45)


def carpet_figure(run: Run) -> Figure | None:
    """Density along each axis against time, with the mean as a line; for one axis beside the potential."""
    series = run.series
    labels = [label for label in run.labels if f"profile_{label}" in series]
    if not labels or len(series["time"]) < 8 or run.imaginary:
        return None
    figure = Figure(figsize=(FIGURE_WIDTH + 0.6, 0.9 + 2.5 * len(labels)))
    beside = len(run.labels) == 1 and run.potential(0.0, run.coordinates(0)) is not None
    low = 0.45 / figure.get_figheight()
    grid = figure.add_gridspec(
        len(labels), 2, width_ratios=(0.22 if beside else 1e-3, 1.0), left=0.1, right=0.97, bottom=low,
        top=0.96, wspace=0.03, hspace=0.08,
    )  # fmt: skip
    for row, label in enumerate(labels):
        panel = figure.add_subplot(grid[row, 1])
        x, time = run.coordinates(row), series["time"]
        image = series[f"profile_{label}"].T
        panel.pcolormesh(
            time, x, image, norm=PowerNorm(GAMMA, 0.0, image.max() or 1.0), cmap=COLOURS, shading="gouraud",
            rasterized=True,
        )  # fmt: skip
        panel.plot(time, series[f"position_{label}"], color="white", linewidth=0.7, alpha=0.7)
        limits = _filled(x, image)
        panel.set_ylim(*limits)
        panel.set_xlim(time[0], time[-1])
        if beside:
            _side_potential(figure.add_subplot(grid[row, 0]), run, x, limits)
            panel.set_yticks([])
        else:
            panel.set_ylabel(label)
        if row < len(labels) - 1:
            panel.tick_params(labelbottom=False)
    panel.set_xlabel("time")
    return figure


def _filled(x: np.ndarray, image: np.ndarray) -> tuple[float, float]:
    """The part of the axis where there is ever anything to be seen."""
    seen = np.flatnonzero(image.max(axis=1) > 1e-5 * image.max())
    room = 0.05 * (x[seen[-1]] - x[seen[0]])
    return max(float(x[seen[0]] - room), float(x[0])), min(float(x[seen[-1]] + room), float(x[-1]))


def _side_potential(panel: Any, run: Run, x: np.ndarray, limits: tuple[float, float]) -> None:
    """V to the left of a carpet, on the same coordinate."""
    potential = run.potential(0.0, x)
    inside = (x >= limits[0]) & (x <= limits[1])
    panel.plot(potential, x, color=GREY, linewidth=1.0)
    panel.fill_betweenx(x, potential.min(), potential, color=GREY, alpha=0.12, linewidth=0)
    panel.set_ylim(*limits)
    panel.set_xlim(potential[inside].min(), potential[inside].max())
    panel.set_ylabel("x")
    panel.set_xlabel("V")
    low, high = panel.get_xlim()
    panel.set_xticks([low, 0.5 * (low + high)], [f"{value:.2g}" for value in (low, 0.5 * (low + high))])
