"""Diffusion in Rahman's argon: means of runs in boxes of three sizes, and the line in 1/L through them.

    python jobs/liquids/argon_diffusion.py [--folder DIR] [--figure PNG]

Runs argon.toml with other cells, lengths and seeds; runs that are in the folder already are not repeated.
A periodic box holds diffusion back,

    D(L) = D - ξ k_B T/(6 π η L),   ξ = 2.837297

(Dünweg & Kremer 1993; Yeh & Hummer 2004, J. Phys. Chem. B 108, 15873), so that a line through D over
1/L gives D without a box, and its slope a viscosity to be held against the one of Green and Kubo.
Rahman (1964, Phys. Rev. 136, A405): 2.43e-5 cm²/s with 864 atoms at 94.4 K, a run of some 10 ps, no error.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from math import pi
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from hpcphys.run.liquids.units import GAS_CONSTANT
from jobs.liquids.runs import HERE, drawn, finished

JOB = HERE / "argon.toml"
RAHMAN = 2.43
XI = 2.837297

RUNS = {4: (2, 220), 6: (3, 170), 14: (1, 60)}
"""Cells along each axis, with four atoms in each -> number of seeds, end of the run [ps]."""

WATCHED = [
    "observables.rdf={every=200, bins=200}",
    "observables.msd={every=5, levels=9, fit_from=5.0, fit_to=20.0}",
    "observables.structure_factor={every=500, k_max=50.0, shells=60}",
    "output.snapshots=false",
    "output.diagnostics_every=100",
]


@dataclass(frozen=True)
class Box:
    """What the runs in boxes of one size say.

    length [nm];  diffusion, error [1e-5 cm²/s]: mean over runs and its standard error;
    viscosity, viscosity_error [mPa s];  temperature [K]
    """

    atoms: int
    length: float
    diffusion: float
    error: float
    viscosity: float
    viscosity_error: float
    temperature: float


def mean_of(values: Any, errors: Any, weights: Any = None) -> tuple[float, float]:
    """Mean and error of independent values with errors, weighted by how long they were measured, not by their
    own errors: of two viscosities the smaller also seems the better known."""
    share = np.ones(len(values)) if weights is None else np.asarray(weights, dtype=float)
    share = share / share.sum()
    return float(share @ np.asarray(values)), float(np.sqrt(np.sum((share * np.asarray(errors)) ** 2)))


PASCAL_SECONDS = 1.66053906717e-3
"""One u/(nm ps) in mPa s."""


def box_of(metrics: list[dict[str, Any]]) -> Box:
    """The mean over the runs in one box."""
    diffusion, error = mean_of(
        *([1e3 * m[name] for m in metrics] for name in ("diffusion", "diffusion_error"))
    )
    viscosity, spread = mean_of(*([m[name] for m in metrics] for name in ("viscosity", "viscosity_error")))
    return Box(
        metrics[0]["atoms"],
        metrics[0]["volume"] ** (1.0 / 3.0),
        diffusion,
        error,
        viscosity * PASCAL_SECONDS,
        spread * PASCAL_SECONDS,
        float(np.mean([m["temperature"] for m in metrics])),
    )


def measured(folder: Path) -> list[Box]:
    """The boxes of RUNS."""
    found = []
    for cells, (seeds, end) in RUNS.items():
        metrics = []
        for seed in range(1, seeds + 1):
            settings = [f"initial.cells=[{cells}, {cells}, {cells}]", f'time.end="{end} ps"', *WATCHED]
            settings += [f"initial.seed={1963 + seed}", f"ensemble.seed={seed}"]
            metrics.append(finished(JOB, folder / f"cells{cells}_seed{seed}", settings)["metrics"])
        found.append(box_of(metrics))
    return found


def line(boxes: list[Box]) -> tuple[float, float, float, float]:
    """D without a box, its error [1e-5 cm²/s], minus the slope over 1/L with its error [nm 1e-5 cm²/s]."""
    inverse = np.array([1.0 / box.length for box in boxes])
    weights = 1.0 / np.array([box.error for box in boxes])
    design = np.stack([np.ones_like(inverse), -inverse], axis=1)
    covariance = np.linalg.inv((design * weights[:, None]).T @ (design * weights[:, None]))
    wide, slope = covariance @ design.T @ (weights**2 * [box.diffusion for box in boxes])
    return float(wide), float(covariance[0, 0] ** 0.5), float(slope), float(covariance[1, 1] ** 0.5)


def slope_of(viscosity: float, temperature: float) -> float:
    """ξ k_B T/(6 π η) [nm 1e-5 cm²/s].  viscosity [mPa s];  temperature [K]"""
    return 1e3 * XI * GAS_CONSTANT * temperature / (6.0 * pi * viscosity / PASCAL_SECONDS)


def panel(axes: Any, boxes: list[Box]) -> None:
    """D over 1/L, the fitted line, and Rahman's value."""
    from hpcphys.report.figures import BLUE, GREY, RED

    inverse = [1.0 / box.length for box in boxes]
    found, errors = [box.diffusion for box in boxes], [box.error for box in boxes]
    axes.errorbar(inverse, found, errors, fmt="o", color=BLUE, markersize=4, capsize=2, label="runs")
    for box, x in zip(boxes, inverse, strict=True):
        axes.annotate(
            f"{box.atoms}", (x, box.diffusion), (5, 5), textcoords="offset points", color=GREY, fontsize=7
        )
    wide, error, slope, _ = line(boxes)
    ends = np.array([0.0, 1.08 * max(inverse)])
    axes.plot(
        ends,
        wide - slope * ends,
        color=BLUE,
        linewidth=0.9,
        label=f"line: {wide:.3f} ± {error:.3f} at $L = ∞$",
    )
    rahman = next(box for box in boxes if box.atoms == 864)
    axes.plot([1.0 / rahman.length], [RAHMAN], "*", color=RED, markersize=9, label="Rahman 1964")
    axes.set_xlim(0.0, ends[1])
    axes.set_xlabel("$1/L$ [1/nm]")
    axes.set_ylabel(r"$D$ [$10^{-5}$ cm$^2$/s], argon at 94.4 K")
    axes.legend(loc="lower left")


def main() -> int:
    """Print the table; exit status 1 if Rahman's box and the largest, corrected, are two errors apart."""
    parser = argparse.ArgumentParser(description="diffusion of argon in boxes of three sizes")
    parser.add_argument("--folder", type=Path, default=Path("output/argon_diffusion"))
    parser.add_argument("--figure", type=Path)
    given = parser.parse_args()
    boxes = measured(given.folder)
    wide, error, slope, slope_error = line(boxes)
    times = [seeds * (end - 20) for seeds, end in RUNS.values()]
    viscosity, spread = mean_of(
        [box.viscosity for box in boxes], [box.viscosity_error for box in boxes], times
    )
    print("atoms   L [nm]  T [K]   D [1e-5 cm²/s]   corrected         viscosity [mPa s]")
    extra = {box.atoms: slope_of(viscosity, box.temperature) / box.length for box in boxes}
    for box in boxes:
        print(
            f"{box.atoms:6d}  {box.length:.3f}  {box.temperature:.2f}   "
            f"{box.diffusion:.3f} ± {box.error:.3f}    "
            f"{box.diffusion + extra[box.atoms]:.3f} ± {box.error:.3f}     "
            f"{box.viscosity:.3f} ± {box.viscosity_error:.3f}"
        )
    mean = slope_of(viscosity, boxes[0].temperature)
    print(
        f"line in 1/L: D = {wide:.3f} ± {error:.3f} without a box, slope -{slope:.2f} ± {slope_error:.2f} nm"
    )
    print(
        f"slope of Yeh and Hummer with η = {viscosity:.3f} ± {spread:.3f} mPa s: "
        f"-{mean:.2f} ± {mean * spread / viscosity:.2f} nm"
    )
    if given.figure:
        drawn(given.figure, panel, boxes)
    rahman = next(box for box in boxes if box.atoms == 864)
    largest = boxes[-1]
    apart = rahman.diffusion + extra[rahman.atoms] - largest.diffusion - extra[largest.atoms]
    return int(abs(apart) > 2.0 * (rahman.error**2 + largest.error**2) ** 0.5)


if __name__ == "__main__":
    sys.exit(main())
