"""A movie of the wavefunction, one frame per snapshot: brightness is the density, colour the phase."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from hpcphys.report.movie import FRAME_PIXELS, write_frames
from hpcphys.report.wavefunctions.run import Run, Snapshot, read_snapshot

GAMMA = 0.4


def write_movie(run: Run) -> list[Path]:
    """movie.gif and, where ffmpeg is installed, movie.mp4; all frames on one scale.

    The scale is that of the highest density for lines, of a frame of median brightness for maps.

    Raises DataFileError for a damaged snapshot, or when ffmpeg fails.
    """
    snapshots = [read_snapshot(path) for path in run.paths]
    highest = [float(s.density.max()) for s in snapshots]
    lines = len(run.labels) == 1
    brightest = (max(highest) if lines else float(np.median(highest))) or 1.0
    draw = _line_frame if lines else _map_frame
    return write_frames(run.folder, [draw(run, snapshot, brightest) for snapshot in snapshots])


def phase_colours(psi: np.ndarray, brightest: float) -> np.ndarray:
    """(n0, n1, 3) in 0…255: hue from the phase, brightness from |ψ|² to the power GAMMA."""
    from matplotlib.colors import hsv_to_rgb

    value = np.clip((np.abs(psi) ** 2 / brightest) ** GAMMA, 0.0, 1.0)
    hue = (np.angle(psi) / (2.0 * np.pi)) % 1.0
    return (hsv_to_rgb(np.stack([hue, 0.75 * np.ones_like(hue), value], axis=-1)) * 255.0).astype(np.uint8)


def _map_frame(run: Run, snapshot: Snapshot, brightest: float) -> Any:
    """A map, its longer side of FRAME_PIXELS; of three axes the projection, without phase."""
    from matplotlib import colormaps
    from PIL import Image, ImageDraw

    if snapshot.psi is not None:
        colours = phase_colours(snapshot.psi, brightest)
    else:
        level = np.clip(snapshot.density / brightest, 0.0, 1.0) ** GAMMA
        colours = (colormaps["magma"](level)[..., :3] * 255.0).astype(np.uint8)
    width, height = (x[-1] - x[0] for x in snapshot.axes[:2])
    scale = FRAME_PIXELS / max(width, height)
    size = tuple(2 * max(1, round(0.5 * scale * side)) for side in (width, height))  # even, as mp4 needs
    image = Image.fromarray(np.ascontiguousarray(colours.transpose(1, 0, 2)[::-1])).resize(size)
    ImageDraw.Draw(image).text((12, size[1] - 24), f"t = {snapshot.time:.3g}", fill="white")
    return image


def _line_frame(run: Run, snapshot: Snapshot, brightest: float) -> Any:
    """|ψ|² as a filled curve coloured by its phase."""
    from PIL import Image, ImageDraw

    width, height = FRAME_PIXELS, FRAME_PIXELS // 2
    (x,) = snapshot.axes
    columns = np.linspace(x[0], x[-1], width)
    real, imaginary = (np.interp(columns, x, part) for part in (snapshot.psi.real, snapshot.psi.imag))
    psi = real + 1j * imaginary
    hue = phase_colours(np.exp(1j * np.angle(psi)), 1.0)
    tall = np.interp(columns, x, snapshot.density) / brightest * 0.85 * height
    rows = np.arange(height)[::-1, None]
    frame = np.where((rows < tall)[..., None], hue[None, :, :], 255).astype(np.uint8)
    image = Image.fromarray(frame)
    ImageDraw.Draw(image).text((12, 8), f"t = {snapshot.time:.3g}", fill="black")
    return image
