"""What scaling/ensembles.py finds as a picture: distributions of canonical baths beside Berendsen's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from hpcphys.report.figures import BLUE, GREEN, GREY, RED, STYLE

COLOURS = {
    "langevin": GREEN, "nose_hoover_chain": GREY, "velocity_rescaling": BLUE, "berendsen": RED,
    "mtk": GREY, "cell_rescaling": BLUE, "berendsen_barostat": RED,
}  # fmt: skip
WORDS = {
    "langevin": "Langevin", "nose_hoover_chain": "Nosé–Hoover chain",
    "velocity_rescaling": "velocity rescaling",
    "berendsen": "Berendsen", "mtk": "MTK", "cell_rescaling": "cell rescaling",
    "berendsen_barostat": "Berendsen with barostat",
}  # fmt: skip
BINS, LEAST = 18, 8
"""Bins where two distributions overlap, and samples of each that one needs to be drawn."""


class Found:
    """The series and the distances of one ensemble, as scaling/ensembles.py keeps them in its folder."""

    def __init__(self, folder: Path, name: str):
        with np.load(folder / f"{name}.npz") as file:
            self.about = json.loads(str(file["about"]))
            self.series = {key: file[key] for key in file.files if key != "about"}
        self.distances = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))


def draw(folder: Path, path: Path) -> None:
    """Four panels into a file: kinetic energy, ratios of U and of V between state points, all distances."""
    import matplotlib
    from matplotlib.figure import Figure

    results = {name: Found(folder, name) for name in WORDS if (folder / f"{name}.json").exists()}
    grid = {"left": 0.08, "right": 0.98, "bottom": 0.09, "top": 0.95, "wspace": 0.33, "hspace": 0.36}
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.8, 6.8))
        (kinetic, energy), (volume, distances) = figure.subplots(2, 2, gridspec_kw=grid)
        _kinetic(kinetic, {name: results[name] for name in ("velocity_rescaling", "berendsen")})
        thermostats = ("langevin", "nose_hoover_chain", "velocity_rescaling", "berendsen")
        _ratio(
            energy,
            {name: results[name] for name in thermostats if name in results},
            "potential_energy",
            "hot",
        )
        barostats = ("mtk", "cell_rescaling", "berendsen_barostat")
        _ratio(volume, {name: results[name] for name in barostats if name in results}, "volume", "dense")
        _distances(distances, results)
        figure.savefig(path)


def _kinetic(axes: Any, results: dict[str, Found]) -> None:
    """Histograms of the kinetic energy over the gamma distribution of N degrees of freedom."""
    from scipy.stats import gamma

    for name, found in results.items():
        values = found.series["cold/kinetic_energy"]
        axes.hist(
            values,
            40,
            density=True,
            histtype="stepfilled",
            alpha=0.35,
            color=COLOURS[name],
            label=WORDS[name],
        )
    about = results["velocity_rescaling"].about
    degrees, temperature = 3 * about["atoms"] - about["free"], about["points"]["cold"][0]
    x = np.linspace(*gamma.ppf([1e-5, 1 - 1e-5], degrees / 2, scale=temperature), 300)
    axes.plot(
        x, gamma.pdf(x, degrees / 2, scale=temperature), color="black", linewidth=1.0, label="canonical"
    )
    axes.set_xlabel(r"kinetic energy of 256 atoms [$\varepsilon$]")
    axes.set_yticks([])
    axes.legend(loc="upper right")


def _ratio(axes: Any, results: dict[str, Found], quantity: str, other: str) -> None:
    """ln of the ratio of two state points' distributions over what statistical mechanics demands it to be."""
    for name, found in results.items():
        (cold, low), (hot, high) = (found.about["points"][point] for point in ("cold", other))
        slope = 1.0 / cold - 1.0 / hot if quantity == "potential_energy" else (low - high) / cold
        one, two = found.series[f"cold/{quantity}"], found.series[f"{other}/{quantity}"]
        middle = 0.5 * (one.mean() + two.mean())
        edges = np.linspace(max(one.min(), two.min()), min(one.max(), two.max()), BINS + 1)
        counts = [np.histogram(values, edges)[0] for values in (one, two)]
        seen = (counts[0] >= LEAST) & (counts[1] >= LEAST)
        wanted = slope * (0.5 * (edges[1:] + edges[:-1])[seen] - middle)
        ratio = np.log(counts[1][seen] / counts[0][seen] * (len(one) / len(two)))
        axes.plot(wanted, ratio, "o-", color=COLOURS[name], markersize=3, linewidth=0.8, label=WORDS[name])
    ends = np.array(axes.get_xlim())
    axes.plot(ends, ends, "--", color="black", linewidth=1.0, label="theory")
    symbol, change = ("U", r"(1/T_1 - 1/T_2)") if quantity == "potential_energy" else ("V", r"(P_1 - P_2)/T")
    axes.set_xlabel(rf"${change}\,({symbol} - \bar {symbol})$")
    axes.set_ylabel(rf"$\ln\, p_2({symbol})/p_1({symbol})$")
    axes.legend()


def _distances(axes: Any, results: dict[str, Found]) -> None:
    """Every distance from theory in standard errors."""
    marks = {
        "mean": ("o", "K mean"),
        "width": ("s", "K width"),
        "temperature": ("^", "pair of T"),
        "pressure": ("v", "pair of P"),
    }
    names = list(results)[::-1]
    for key, (mark, label) in marks.items():
        rows = [
            (k, results[name].distances[key])
            for k, name in enumerate(names)
            if key in results[name].distances
        ]
        places, values = zip(*rows, strict=True)
        shown = np.clip(np.nan_to_num(np.asarray(values, dtype=float), posinf=300.0), 0.05, 300.0)
        axes.plot(shown, places, mark, color="black", markerfacecolor="none", markersize=5, label=label)
    axes.axvspan(0.03, 3.0, color=GREEN, alpha=0.12, linewidth=0)
    axes.set_xscale("log")
    axes.set_xlim(0.03, 400.0)
    axes.set_yticks(range(len(names)), [WORDS[name] for name in names])
    axes.set_xlabel("distance from theory in standard errors")
    axes.legend(loc="upper right", fontsize=7)
