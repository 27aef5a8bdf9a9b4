"""A movie of the projected density, one frame per snapshot."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np

from hpcphys.io.rows import DataFileError
from hpcphys.report.figures import DECADES, Scales
from hpcphys.report.projection import Particles, centre_and_extent, surface_density

FRAME_PIXELS = 480
FRAMES_PER_SECOND = 15


def write_movie(directory: Path, snapshots: list[Particles], scales: Scales) -> list[Path]:
    """movie.gif, and movie.mp4 where ffmpeg is installed; the brightness scale is that of all frames.

    directory: where to write;  snapshots: the frames in order
    Returns the paths written.  Raises DataFileError when ffmpeg fails.
    """
    from matplotlib import colormaps
    from PIL import Image, ImageDraw

    places = [centre_and_extent(particles) for particles in snapshots]
    half_width = 1.35 * float(np.median([extent for _, extent in places]))
    maps = [
        surface_density(particles, centre, half_width, FRAME_PIXELS)
        for particles, (centre, _) in zip(snapshots, places, strict=True)
    ]
    brightest = np.log10(max(image.max() for image in maps) or 1.0)
    frames = []
    for particles, image in zip(snapshots, maps, strict=True):
        with np.errstate(divide="ignore"):
            level = (np.log10(image) - brightest) / DECADES + 1.0
        rgb = (colormaps["inferno"](np.clip(level, 0.0, 1.0))[::-1, :, :3] * 255.0).astype(np.uint8)
        frame = Image.fromarray(rgb)
        ImageDraw.Draw(frame).text((12, FRAME_PIXELS - 24), scales.moment(particles.time), fill="white")
        frames.append(frame)
    return save_frames(directory, frames)


def save_frames(directory: Path, frames: list) -> list[Path]:
    """movie.gif of PIL images of one size, and movie.mp4 where ffmpeg is installed (even sides needed).

    Returns the paths written.  Raises DataFileError when ffmpeg fails.
    """
    gif = directory / "movie.gif"
    temporary = directory / ".movie.partial.gif"
    frames[0].save(
        temporary, save_all=True, append_images=frames[1:], duration=round(1000 / FRAMES_PER_SECOND), loop=0
    )
    temporary.replace(gif)
    return [gif, *_mp4(directory, frames)]


def _mp4(directory: Path, frames: list) -> list[Path]:
    """movie.mp4 through ffmpeg's standard input; nothing where there is no ffmpeg."""
    program = shutil.which("ffmpeg")
    if program is None:
        return []
    path, temporary = directory / "movie.mp4", directory / ".movie.partial.mp4"
    command = [
        program, "-y", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24",
        "-s", "x".join(map(str, frames[0].size)), "-r", str(FRAMES_PER_SECOND), "-i", "-",
        "-pix_fmt", "yuv420p", str(temporary),
    ]  # fmt: skip
    done = subprocess.run(command, input=b"".join(frame.tobytes() for frame in frames), capture_output=True)
    if done.returncode:
        temporary.unlink(missing_ok=True)
        raise DataFileError(f"{path}: ffmpeg failed: {done.stderr.decode(errors='replace').strip()}")
    temporary.replace(path)
    return [path]
