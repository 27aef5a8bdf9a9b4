"""Maps of the vorticity, blue for clockwise and red for anticlockwise, and a movie of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from hpcphys.io.rows import open_hdf5
from hpcphys.report.movie import FRAME_PIXELS, write_frames

MAP = "RdBu_r"
MOST_PIXELS = 1024
PANEL, GAP, LEFT, RIGHT, LOW, HIGH = 2.5, 0.12, 0.6, 0.85, 0.5, 0.3
SHOWN = 99.8
"""Per cent of the points whose vorticity lies inside the range of colours."""


@dataclass(frozen=True)
class Field:
    """ω of a snapshot, thinned to what a picture can show: (rows, columns), first index along y."""

    vorticity: np.ndarray
    time: float
    length: float


def field(path: Path) -> Field:
    """The vorticity of a snapshot.  Raises DataFileError when it cannot be read."""
    with open_hdf5(path) as file:
        points = file["vorticity"].shape[0]
        every = max(1, points // MOST_PIXELS)
        spacing = float(file["x"][1] - file["x"][0])
        rows = file["vorticity"][::every, ::every].astype(np.float64)
        return Field(rows, float(file.attrs["time"]), spacing * points)


def round_limit(fields: list[Field]) -> float:
    """A round number that holds nearly all of |ω|: 1, 2, 3, 4, 5, 6 or 8 times a power of ten."""
    largest = max(float(np.percentile(np.abs(shown.vorticity), SHOWN)) for shown in fields)
    if largest <= 0.0:
        return 1.0
    power = 10.0 ** np.floor(np.log10(largest))
    return float(
        power * next(digit for digit in (1, 2, 3, 4, 5, 6, 8, 10) if digit * power >= largest * 0.999)
    )


def vorticity_figure(paths: list[Path]) -> Figure:
    """The vorticity of a few snapshots on one scale."""
    fields = [field(path) for path in paths]
    limit = round_limit(fields)
    width = PANEL * len(fields) + GAP * (len(fields) - 1)
    size = np.array([LEFT + width + RIGHT, LOW + PANEL + HIGH])
    figure = Figure(figsize=tuple(size))
    margins = {
        "left": LEFT / size[0], "right": (LEFT + width) / size[0], "bottom": LOW / size[1],
        "top": (LOW + PANEL) / size[1], "wspace": GAP / PANEL,
    }  # fmt: skip
    panels = figure.subplots(1, len(fields), squeeze=False, sharey=True, gridspec_kw=margins)[0]
    for panel, shown in zip(panels, fields, strict=True):
        drawn = panel.imshow(
            shown.vorticity, cmap=MAP, vmin=-limit, vmax=limit, origin="lower", interpolation="antialiased",
            extent=(0.0, shown.length, 0.0, shown.length),
        )  # fmt: skip
        panel.spines[:].set_visible(False)
        panel.set_title(f"t = {shown.time:.4g}")
        panel.set_xlabel("x")
        _round_ticks(panel, shown.length)
    panels[0].set_ylabel("y", labelpad=2)
    place = figure.add_axes(((LEFT + width + 0.12) / size[0], LOW / size[1], 0.1 / size[0], PANEL / size[1]))
    ends = any(np.abs(shown.vorticity).max() > limit for shown in fields)
    bar = figure.colorbar(
        drawn, cax=place, extend="both" if ends else "neither", ticks=np.linspace(-limit, limit, 5)
    )
    bar.set_label("vorticity", labelpad=2)
    bar.outline.set_visible(False)
    return figure


def write_vorticity_movie(folder: Path, paths: list[Path]) -> list[Path]:
    """movie.gif, and movie.mp4 where ffmpeg is installed; one frame for each snapshot, one scale for all."""
    from matplotlib import colormaps
    from PIL import Image, ImageDraw

    limit = round_limit([field(path) for path in (paths[0], paths[len(paths) // 2], paths[-1])])
    frames = []
    for path in paths:
        shown = field(path)
        level = np.clip(0.5 + 0.5 * shown.vorticity / limit, 0.0, 1.0)
        rgb = (colormaps[MAP](level)[::-1, :, :3] * 255.0).astype(np.uint8)
        frame = Image.fromarray(rgb).resize((FRAME_PIXELS, FRAME_PIXELS), Image.Resampling.BICUBIC)
        ImageDraw.Draw(frame).text((12, FRAME_PIXELS - 24), f"t = {shown.time:.4g}", fill="black")
        frames.append(frame)
    return write_frames(folder, frames)


def _round_ticks(panel, length: float) -> None:
    """0, half, whole box; in π where the box is 2π long."""
    places = [0.0, 0.5 * length, length]
    names = ["0", "π", "2π"] if np.isclose(length, 2.0 * np.pi) else [f"{place:.4g}" for place in places]
    panel.set_yticks(places, names)
    panel.set_xticks(places, names)
    for label, side in zip(panel.get_xticklabels(), ("left", "center", "right"), strict=True):
        label.set_horizontalalignment(side)  # neighbouring panels leave no room beyond their edges
