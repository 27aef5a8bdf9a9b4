"""Fields and moments of snapshots: lines of one dimension, maps of two, the middle plane of three."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from hpcphys.report.figures import BLUE, FIGURE_WIDTH, GREEN, GREY, MARGINS, RED
from hpcphys.report.plasmas.run import Picture, Run

TIMES = 4
EMPTY = 1e-6
"""Components below this share of the largest one are noise of rounding, and not drawn."""

FRAMES_PER_SECOND = 10


def fields_figure(run: Run) -> Figure | None:
    """Components of E and B in the last snapshot (maps), or over time (lines)."""
    if not run.paths:
        return None
    wanted = [name for name in run.names(run.paths[-1]) if name[0] in "EB" and name[1] == "/"]
    return _figure(run, wanted)


def moments_figure(run: Run) -> Figure | None:
    """Densities, currents, temperatures of the species in the last snapshot, or over time."""
    if not run.paths:
        return None
    wanted = [name for name in run.names(run.paths[-1]) if not (name[0] in "EBJ" and name[1] == "/")]
    return _figure(run, wanted)


def write_movie(run: Run) -> list[Path]:
    """movie.gif of E_x and the first density in all snapshots of a plasma in two dimensions; [] of others."""
    names = [n for n in run.names(run.paths[-1]) if n == "E/x" or n.startswith("density_")][:2]
    if not names or run.picture(run.paths[-1], names[0]).values.ndim != 2:
        return []
    from io import BytesIO

    from PIL import Image

    frames = []
    for path in run.paths:
        buffer = BytesIO()
        _maps([(name, run.picture(path, name)) for name in names], run).savefig(buffer, dpi=80)
        frames.append(Image.open(buffer).convert("P", palette=Image.Palette.ADAPTIVE))
    target = run.folder / "movie.gif"
    frames[0].save(
        target, save_all=True, append_images=frames[1:], duration=1000 // FRAMES_PER_SECOND, loop=0
    )
    return [target]


def _figure(run: Run, names: list[str]) -> Figure | None:
    pictures = [(name, run.picture(run.paths[-1], name)) for name in names]
    largest: dict[str, float] = {}
    for name, picture in pictures:
        kind = name.split("/")[0]
        largest[kind] = max(largest.get(kind, 0.0), float(np.max(np.abs(picture.values), initial=0.0)))
    shown = [
        (name, picture) for name, picture in pictures
        if np.max(np.abs(picture.values), initial=0.0) > EMPTY * largest[name.split("/")[0]]
    ]  # fmt: skip
    if not shown:
        return None
    return _lines(shown, run) if shown[0][1].values.ndim == 1 else _maps(shown, run)


def _lines(shown: list[tuple[str, Picture]], run: Run) -> Figure:
    figure = Figure(figsize=(FIGURE_WIDTH, 1.9 * len(shown) + 0.6))
    panels = figure.subplots(len(shown), 1, sharex=True, squeeze=False, gridspec_kw={
        **MARGINS, "bottom": 0.45 / (1.9 * len(shown) + 0.6), "top": 0.96})[:, 0]  # fmt: skip
    for panel, (name, _) in zip(panels, shown, strict=True):
        for path, colour in zip(run.spread(TIMES), (GREY, BLUE, GREEN, RED), strict=False):
            picture = run.picture(path, name)
            panel.plot(picture.axes[0], picture.values, color=colour, label=f"t = {picture.time:.4g}")
        panel.set_ylabel(_label(name))
        panel.margins(x=0)
    panels[0].legend(ncols=TIMES, fontsize=8, loc="best")
    panels[-1].set_xlabel(f"x {run.length_unit}")
    return figure


def _maps(shown: list[tuple[str, Picture]], run: Run) -> Figure:
    columns = min(2, len(shown))
    rows = -(-len(shown) // columns)
    figure = Figure(figsize=(4.2 * columns, 2.7 * rows + 0.3), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False)
    for panel, (name, picture) in zip(panels.ravel(), shown, strict=False):
        _map(figure, panel, name, picture)
    for panel in panels.ravel()[len(shown) :]:
        panel.set_visible(False)
    for panel in panels[-1]:
        panel.set_xlabel(f"x {run.length_unit}")
    for panel in panels[:, 0]:
        panel.set_ylabel(f"y {run.length_unit}")
    return figure


def _map(figure: Figure, panel: Any, name: str, picture: Picture) -> None:
    signed = float(picture.values.min()) < 0.0
    # A few wild points (the head of a pulse, a bubble's rim) would leave the rest without colour.
    size = float(np.quantile(np.abs(picture.values), 0.999)) or 1.0
    x, y = picture.axes
    image = panel.imshow(
        picture.values.T, origin="lower", aspect="auto", extent=(x[0], x[-1], y[0], y[-1]),
        cmap="RdBu_r" if signed else "viridis", vmin=-size if signed else 0.0, vmax=size,
    )  # fmt: skip
    panel.set_title(f"{_label(name)}, t = {picture.time:.4g}")
    panel.spines[:].set_visible(False)
    figure.colorbar(image, ax=panel, pad=0.01).outline.set_visible(False)


def _label(name: str) -> str:
    kind, _, axis = name.partition("/")
    word = kind.replace("_", " ")
    if len(kind) == 1:
        return rf"${kind}_{axis}$"
    return "ρ" if kind == "rho" else f"{word} {axis}".strip()
