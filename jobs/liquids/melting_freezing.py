"""Where a crystal melts and its liquid freezes in melting_freezing.toml, beside the melting point.

    python jobs/liquids/melting_freezing.py [--folder DIR] [--figure PNG]

A crystal without a surface is superheated to T+, the liquid supercooled to T-; the melting point lies
between, near T+ + T- - √(T+ T-) (Luo, Strachan & Swift 2004, J. Chem. Phys. 120, 11640).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from hpcphys.io.series import read_series
from jobs.liquids.runs import HERE, drawn, finished

JOB = HERE / "melting_freezing.toml"
HOTTEST = 200.0
"""Time at which the ramp turns."""
KNOWN = (1.12, 1.15)
"""Melting temperature at P* = 5.68: Agrawal & Kofke (1995), Hansen & Verlet (1969)."""
SPAN = 5.0
"""Time over which the volume jumps."""


def transition(series: Mapping[str, np.ndarray], begin: float, end: float, sign: float) -> float:
    """Temperature at which the volume jumps up (sign 1) or down (-1) between two times.

    The jump is the largest difference between means over SPAN before and after a moment; the temperature is
    the mean before it.
    """
    chosen = (series["time"] >= begin) & (series["time"] < end)
    volume, temperature = series["volume"][chosen], series["temperature"][chosen]
    width = round(SPAN / float(np.diff(series["time"][chosen]).mean()))
    means = np.convolve(volume, np.ones(width) / width, mode="valid")
    jumps = sign * (means[width:] - means[:-width])
    k = int(np.argmax(jumps))
    return float(temperature[k : k + width].mean())


def transitions(series: Mapping[str, np.ndarray]) -> tuple[float, float]:
    """T+ of melting and T- of freezing."""
    last = float(series["time"][-1])
    return transition(series, 20.0, HOTTEST, 1.0), transition(series, HOTTEST, last, -1.0)


def panel(axes: Any, series: Mapping[str, np.ndarray], atoms: int) -> None:
    """Volume over temperature, and the melting point."""
    from hpcphys.report.figures import BLUE, GREEN, RED

    heated = series["time"] < HOTTEST
    for chosen, colour, label in ((heated, RED, "heated"), (~heated, BLUE, "cooled")):
        axes.plot(
            series["temperature"][chosen],
            series["volume"][chosen] / atoms,
            ".",
            markersize=2,
            color=colour,
            label=label,
        )
    axes.axvspan(*KNOWN, color=GREEN, alpha=0.35, linewidth=0, label="coexistence")
    axes.set_xlabel(r"$T^*$ at $P^* = 5.68$")
    axes.set_ylabel(r"$V/N$ [$\sigma^3$]")
    axes.legend(loc="upper left", markerscale=4)


def main() -> int:
    """Print the temperatures; exit status 1 unless the loop lies around the melting point."""
    parser = argparse.ArgumentParser(description="melting and freezing")
    parser.add_argument("--folder", type=Path, default=Path("output/melting_freezing"))
    parser.add_argument("--figure", type=Path)
    given = parser.parse_args()
    atoms = finished(JOB, given.folder)["metrics"]["atoms"]
    series = read_series(given.folder / "diagnostics.h5")
    melted, frozen = transitions(series)
    between = melted + frozen - sqrt(melted * frozen)
    print(
        f"melts at {melted:.2f}, freezes at {frozen:.2f}; between them {between:.2f}, "
        f"known {KNOWN[0]} to {KNOWN[1]}"
    )
    if given.figure:
        drawn(given.figure, panel, series, atoms)
    return int(not frozen < KNOWN[0] < KNOWN[1] < melted)


if __name__ == "__main__":
    sys.exit(main())
