"""The figures of a run, each a function of its time series or snapshots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from hpcphys.report.projection import Particles, centre_and_extent, surface_density

STYLE: Any = {
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.4,
    "legend.frameon": False,
    "figure.dpi": 100,
    "savefig.dpi": 150,
}
BLUE, RED, GREY, GREEN = "#2166ac", "#b2182b", "#555555", "#1b7837"
LAGRANGIAN_PERCENT = (10, 25, 50, 75, 90)
FIGURE_WIDTH = 6.4
# Fixed margins: letting matplotlib find them would take longer than drawing.
MARGINS = {"left": 0.13, "right": 0.89, "bottom": 0.11, "top": 0.95, "hspace": 0.18}
PANEL, GAP, LEFT, RIGHT, LOW, HIGH = (
    2.5,
    0.1,
    0.65,
    0.95,
    0.5,
    0.3,
)  # inches, of the picture of projected density
DECADES = 3.5


@dataclass(frozen=True)
class Scales:
    """Factors from what is stored to what is drawn, and the names of the units drawn.

    time, length, density: of the series, which is in job units
    kpc, surface, snapshot_time: of the snapshots, which are in kpc, 10^10 solar masses and km/s
    """

    time: float
    length: float
    density: float
    kpc: float
    surface: float
    snapshot_time: float
    time_unit: str = "job units"
    length_unit: str = "job units"
    density_unit: str = "job units"
    surface_unit: str = "job units"

    def moment(self, time: float) -> str:
        """A snapshot's time in words.  time [kpc/(km/s)]"""
        value = f"t = {time * self.snapshot_time:.3g}"
        return value if self.time_unit == "job units" else f"{value} {self.time_unit}"


def energy_figure(series: dict[str, np.ndarray], scales: Scales) -> Figure:
    """T, W and E above, the relative error of E below."""
    figure = Figure(figsize=(FIGURE_WIDTH, 4.6))
    parts, error = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2), gridspec_kw=MARGINS)
    time = series["time"] * scales.time
    size = abs(series["energy"][0]) or 1.0
    for name, colour, label in (
        ("kinetic", RED, "kinetic"), ("potential", BLUE, "potential"), ("energy", "black", "total"),
    ):  # fmt: skip
        parts.plot(time, series[name] / size, color=colour)
        end = (time[-1], series[name][-1] / size)
        parts.annotate(
            label,
            end,
            xytext=(4, 0),
            textcoords="offset points",
            color=colour,
            va="center",
            annotation_clip=False,
        )
    parts.axhline(0.0, color=GREY, linewidth=0.4)
    parts.set_ylabel(r"energy / $|E_0|$")
    drift = (series["energy"] - series["energy"][0]) / size
    error.plot(time, drift, color="black")
    error.axhline(0.0, color=GREY, linewidth=0.4)
    error.ticklabel_format(axis="y", style="sci", scilimits=(-2, 2), useMathText=True)
    error.set_ylabel(r"$(E - E_0)\,/\,|E_0|$")
    error.set_title(f"largest error {np.abs(drift).max():.1e}", loc="right", color=GREY)
    error.set_xlabel(f"time [{scales.time_unit}]")
    parts.set_xlim(time[0], time[-1] if time[-1] > time[0] else None)
    return figure


def lagrangian_figure(series: dict[str, np.ndarray], scales: Scales) -> Figure:
    """Radii that enclose fixed shares of the mass above, the virial ratio below."""
    figure = Figure(figsize=(FIGURE_WIDTH, 5.0))
    radii, virial = figure.subplots(2, 1, sharex=True, height_ratios=(5, 2), gridspec_kw=MARGINS)
    time = series["time"] * scales.time
    values = series["lagrangian_radii"] * scales.length
    shades = np.linspace(0.45, 1.0, values.shape[1])
    for column, percent, shade in zip(values.T, LAGRANGIAN_PERCENT, shades, strict=False):
        colour = tuple(1.0 - shade * (1.0 - np.array([0.13, 0.40, 0.67])))
        radii.plot(time, column, color=colour)
        radii.annotate(
            f"{percent} %", (time[-1], column[-1]), xytext=(4, 0), textcoords="offset points", color=colour,
            va="center", annotation_clip=False,
        )  # fmt: skip
    if (values > 0.0).all():
        radii.set_yscale("log")
    radii.set_ylabel(f"radius enclosing the mass [{scales.length_unit}]")
    virial.plot(time, series["virial_ratio"], color=RED)
    virial.axhline(1.0, color=GREY, linewidth=0.6, linestyle=(0, (4, 3)))
    virial.set_ylabel(r"$2T\,/\,|W|$")
    virial.set_xlabel(f"time [{scales.time_unit}]")
    virial.set_xlim(time[0], time[-1] if time[-1] > time[0] else None)
    return figure


def profile_figure(series: dict[str, np.ndarray], scales: Scales, softening: float, analytic) -> Figure:
    """Density over radius at the start and at the end, with the model's own where one is known.

    analytic: function of radius (job units), or None;  softening: drawn as a mark [job units]
    """
    figure = Figure(figsize=(FIGURE_WIDTH, 4.6))
    axes = figure.subplots(gridspec_kw=MARGINS)
    time = series["time"] * scales.time
    rows = [(0, GREY, "o"), (len(time) - 1, BLUE, "s")][: min(2, len(time))]
    shown_radius, shown_density = [], []
    for row, colour, marker in rows:
        filled = series["profile_density"][row] > 0.0
        radius = series["profile_radius"][row][filled] * scales.length
        density = series["profile_density"][row][filled] * scales.density
        axes.plot(
            radius,
            density,
            color=colour,
            marker=marker,
            markersize=3,
            linewidth=0.8,
            label=f"t = {time[row]:.3g}",
        )
        shown_radius.append(radius)
        shown_density.append(density)
    radius, density = np.concatenate(shown_radius), np.concatenate(shown_density)
    if analytic is not None and radius.size:
        grid = np.geomspace(radius.min(), radius.max(), 200)
        axes.plot(
            grid, analytic(grid / scales.length) * scales.density, color=RED, linewidth=1.0, linestyle="--",
            label="initial model", zorder=1,
        )  # fmt: skip
    axes.set_xscale("log")
    axes.set_yscale("log")
    if density.size:
        axes.set_ylim(0.3 * density.min(), 3.0 * density.max())
    if softening > 0.0 and radius.size:
        axes.axvline(softening * scales.length, color=GREY, linewidth=0.6, linestyle=":")
        axes.annotate(
            "softening", (softening * scales.length, 0.02), xycoords=("data", "axes fraction"), xytext=(3, 0),
            textcoords="offset points", color=GREY, fontsize=8,
        )  # fmt: skip
    axes.set_xlabel(f"radius [{scales.length_unit}]")
    axes.set_ylabel(f"density [{scales.density_unit}]")
    axes.legend()
    return figure


def momentum_figure(series: dict[str, np.ndarray], scales: Scales) -> Figure:
    """Change of momentum in units of Σ m|v|, and of angular momentum in units of Σ m|v| times r₅₀."""
    figure = Figure(figsize=(FIGURE_WIDTH, 4.2))
    axes = figure.subplots(2, 1, sharex=True, gridspec_kw=MARGINS)
    time = series["time"] * scales.time
    scale = np.maximum(series["momentum_scale"], np.finfo(float).tiny)
    lever = np.maximum(series["lagrangian_radii"][0, 2], np.finfo(float).tiny)
    drawn = (
        ("momentum", scale, r"$(P - P_0)\,/\,\Sigma m|v|$"),
        ("angular_momentum", scale * lever, r"$(L - L_0)\,/\,(r_{50}\,\Sigma m|v|)$"),
    )
    for panel, (name, size, label) in zip(axes, drawn, strict=True):
        change = (series[name] - series[name][0]) / size[:, None]
        for column, colour, axis in zip(change.T, (BLUE, RED, GREEN), "xyz", strict=True):
            panel.plot(time, column, color=colour, label=axis)
        panel.ticklabel_format(axis="y", style="sci", scilimits=(-2, 2), useMathText=True)
        panel.set_ylabel(label)
    axes[0].legend(ncols=3, loc="best")
    axes[1].set_xlabel(f"time [{scales.time_unit}]")
    axes[1].set_xlim(time[0], time[-1] if time[-1] > time[0] else None)
    return figure


def projection_figure(snapshots: list[Particles], scales: Scales) -> Figure:
    """Projected density of a few snapshots on one scale, each about its mean; discs also edge-on, below."""
    has_disc = any("PartType2" in particles.groups for particles in snapshots)
    sights = ("z", "y") if has_disc else ("z",)
    shape = (len(sights), len(snapshots))
    width, height = (PANEL * count + GAP * (count - 1) for count in shape[::-1])
    size = np.array([LEFT + width + RIGHT, LOW + height + HIGH])
    figure = Figure(figsize=tuple(size))
    margins = {
        "left": LEFT / size[0], "right": (LEFT + width) / size[0], "bottom": LOW / size[1],
        "top": (LOW + height) / size[1], "wspace": GAP / PANEL, "hspace": GAP / PANEL,
    }  # fmt: skip
    panels = figure.subplots(*shape, squeeze=False, sharex=True, sharey=True, gridspec_kw=margins)
    places = [centre_and_extent(particles) for particles in snapshots]
    half_width = 1.35 * max(extent for _, extent in places)
    maps = [
        [
            surface_density(particles, centre, half_width, sight=sight) * scales.surface
            for particles, (centre, _) in zip(snapshots, places, strict=True)
        ]
        for sight in sights
    ]
    brightest = max(image.max() for row in maps for image in row) or 1.0
    norm = LogNorm(brightest * 10.0**-DECADES, brightest)
    edge = half_width * scales.kpc
    for row, (sight, images) in enumerate(zip(sights, maps, strict=True)):
        for panel, image, particles in zip(panels[row], images, snapshots, strict=True):
            drawn = panel.imshow(
                np.maximum(image, norm.vmin), norm=norm, cmap="inferno", origin="lower",
                extent=(-edge, edge, -edge, edge), interpolation="bilinear",
            )  # fmt: skip
            panel.spines[:].set_visible(False)
            if row == 0:
                panel.set_title(scales.moment(particles.time))
        panels[row, 0].set_ylabel(f"{'z' if sight == 'y' else 'y'} [{scales.length_unit}]")
    for panel in panels[-1]:
        panel.set_xlabel(f"x [{scales.length_unit}]")
    place = figure.add_axes(((LEFT + width + 0.1) / size[0], LOW / size[1], 0.1 / size[0], height / size[1]))
    bar = figure.colorbar(drawn, cax=place)
    bar.set_label(f"surface density [{scales.surface_unit}]")
    bar.outline.set_visible(False)
    return figure
