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
HOTTEST = 100.0
"""Time at which the ramp turns."""
KNOWN = (1.11, 1.15)
"""Melting temperature at P* = 5.68: Agrawal & Kofke (1995), Hansen & Verlet (1969)."""
SPAN = 5.0
"""Time over which volume and temperature are averaged."""
CRYSTAL, LIQUID = (0.8, 1.1), (0.7, 1.3)
"""Temperatures at which the atoms are surely a crystal while heated, and surely a liquid while cooled."""
FROZEN = 0.75
"""Share of the liquid below which the atoms are a crystal: one that grew fast has defects."""


def molten(series: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Time, temperature and share of the liquid, (V - V_crystal(T))/(V_liquid(T) - V_crystal(T)).

    Averaged over SPAN; both volumes are straight lines in T, fitted where there is one phase.
    """
    time, temperature, volume = (series[name] for name in ("time", "temperature", "volume"))
    heated = time < HOTTEST
    lines = []
    for chosen, (low, high) in ((heated, CRYSTAL), (~heated, LIQUID)):
        chosen = chosen & (temperature > low) & (temperature < high)
        lines.append(np.polynomial.Polynomial.fit(temperature[chosen], volume[chosen], 1))
    crystal, liquid = (line(temperature) for line in lines)
    width = round(SPAN / float(np.diff(time).mean()))
    window = np.ones(width) / width
    share = (volume - crystal) / (liquid - crystal)
    averaged = (np.convolve(array, window, mode="valid") for array in (time, temperature, share))
    return next(averaged), next(averaged), next(averaged)


def transitions(series: Mapping[str, np.ndarray]) -> tuple[float, float]:
    """T+ at which half is molten while heated, T- at which half of what freezes in the end has frozen.

    Raises RuntimeError where the crystal did not melt or the liquid did not freeze.
    """
    time, temperature, share = molten(series)
    left = float(share[-1])
    melted = (time < HOTTEST) & (share > 0.5)
    frozen = (time > HOTTEST) & (temperature < LIQUID[0]) & (share < 0.5 * (1.0 + left))
    if not (melted.any() and frozen.any() and left < FROZEN):
        raise RuntimeError(
            f"liquid when hottest: {share[time < HOTTEST][-1]:.2f}, in the end: {left:.2f} (frozen: "
            f"below {FROZEN}); make the ramp longer"
        )
    return float(temperature[np.argmax(melted)]), float(temperature[np.argmax(frozen)])


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
