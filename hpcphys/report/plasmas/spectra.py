"""Spectra of a field along a line: in k and ω together, and in k at a few times."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from hpcphys.report.figures import FIGURE_WIDTH, GREY, MARGINS
from hpcphys.report.plasmas.run import Run

DECADES = 7.0
BOTTOM = {**MARGINS, "bottom": 0.15, "hspace": 0.35}

FEWEST = 16
"""Rows that a spectrum in ω needs."""


def dispersion_figure(run: Run) -> Figure | None:
    """|F(k, ω)|² of each line that the job keeps, with light's branch in a plasma."""
    lines = _lines(run)
    if not lines or len(next(iter(lines.values()))[0]) < FEWEST:
        return None
    figure = Figure(figsize=(FIGURE_WIDTH, 3.6 * len(lines)))
    panels = figure.subplots(len(lines), 1, squeeze=False, gridspec_kw=BOTTOM)[:, 0]
    for panel, (name, (time, values, spacing)) in zip(panels, lines.items(), strict=True):
        waves, frequencies, power = spectrum(time, values, spacing)
        top = float(power.max()) or 1.0
        panel.pcolormesh(
            waves, frequencies, np.maximum(power, top * 10**-DECADES), cmap="magma", rasterized=True,
            norm=LogNorm(top * 10**-DECADES, top), shading="nearest",
        )  # fmt: skip
        if run.job.get("units", {}).get("system", "plasma") == "plasma":
            speed = run.job.get("units", {}).get("light_speed", 1.0)
            branch = np.sqrt(1.0 + (speed * waves) ** 2)
            panel.plot(
                waves, branch, "--", color="white", linewidth=0.8, label=r"$\omega^2=\omega_p^2+c^2k^2$"
            )
            panel.legend(loc="upper left", labelcolor="white", fontsize=8)
        panel.set_ylim(0.0, min(frequencies[-1], 3.0 * _highest(frequencies, power)))
        panel.set_ylabel(r"$\omega$")
        panel.set_title(name.replace("_", " "), loc="right", color=GREY)
        panel.set_xlabel("k")
    return figure


def spectra_figure(run: Run) -> Figure | None:
    """|F(k)|² of each line at up to five times."""
    lines = _lines(run)
    if not lines:
        return None
    figure = Figure(figsize=(FIGURE_WIDTH, 3.4 * len(lines)))
    panels = figure.subplots(len(lines), 1, squeeze=False, gridspec_kw=BOTTOM)[:, 0]
    for panel, (name, (time, values, spacing)) in zip(panels, lines.items(), strict=True):
        waves = 2.0 * np.pi * np.fft.rfftfreq(values.shape[1], spacing)[1:]
        power = np.abs(np.fft.rfft(values.astype(float), axis=1)[:, 1:] / values.shape[1]) ** 2
        rows = sorted({round((len(time) - 1) * k / 4) for k in range(5)})
        for row, shade in zip(rows, np.linspace(0.15, 0.85, len(rows)), strict=True):
            colour = (0.7 * shade, 0.1 + 0.2 * shade, 0.9 - 0.7 * shade)
            panel.loglog(waves, np.maximum(power[row], 1e-40), color=colour, label=f"t = {time[row]:.3g}")
        panel.set_ylim(max(power.max() * 1e-14, 1e-30), 3.0 * (power.max() or 1.0))
        panel.set_ylabel(rf"$|${name.split('_')[0]}$_{name.split('_')[1]}(k)|^2$")
        panel.set_xlabel("k")
        panel.legend(fontsize=8)
    return figure


def spectrum(
    time: np.ndarray, values: np.ndarray, spacing: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """k >= 0, ω >= 0 and |F(k, ω)|² of rows (time, place), with Hann's window over time.

    Waves that run either way add up.
    """
    window = np.hanning(len(time))[:, None]
    found = np.fft.fft(np.fft.rfft(values.astype(float), axis=1) * window, axis=0)
    half = len(time) // 2
    power = np.abs(found[:half]) ** 2
    power[1:] += np.abs(found[:-half:-1]) ** 2
    waves = 2.0 * np.pi * np.fft.rfftfreq(values.shape[1], spacing)
    frequencies = 2.0 * np.pi * np.arange(half) / (len(time) * (time[1] - time[0]))
    return waves, frequencies, power / power.size


def _lines(run: Run) -> dict[str, tuple[np.ndarray, np.ndarray, float]]:
    """Name -> times, rows and spacing of each line; rows that are not evenly spaced are left out."""
    found: dict[str, tuple[np.ndarray, np.ndarray, float]] = {}
    for path in sorted(run.folder.glob("lines*.h5")):
        series = run.further(path.stem)
        time = series["time"]
        for name, values in series.items():
            if values.ndim == 2:
                found[name] = (time, values, _spacing(run, name.rsplit("_", 1)[1]))
    return found


def _spacing(run: Run, axis: str) -> float:
    grid = run.job["grid"]
    index = "xyz".index(axis)
    low, high = (ends[index] if isinstance(ends, list) else ends for ends in (grid["lower"], grid["upper"]))
    return (high - low) / grid["cells"][index]


def _highest(frequencies: np.ndarray, power: np.ndarray) -> float:
    """The frequency below which nearly all of the power lies."""
    share = np.cumsum(power.sum(axis=1))
    return float(frequencies[min(int(np.searchsorted(share, 0.999 * share[-1])) + 1, len(frequencies) - 1)])
