"""NIST's Lennard-Jones state points at T* = 0.85: energy and pressure beside the published ones.

    python jobs/liquids/state_points.py [--folder DIR] [--steps N] [--figure PNG]

Five runs of nist_state_point.toml, two minutes each; runs that are in the folder already are not repeated.
Source: V. K. Shen, D. W. Siderius, W. P. Krekelberg & H. W. Hatch (eds.), NIST Standard Reference Simulation
Website, Standard Reference Database 173: Lennard-Jones fluid, NVT Monte Carlo, r_c = 3 with long-range
corrections; means and standard deviations.
"""

from __future__ import annotations

import argparse
import sys
from math import hypot
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from jobs.liquids.runs import HERE, drawn, finished

JOB = HERE / "nist_state_point.toml"

PUBLISHED = {
    0.776: (-5.5121, 4.55e-4, 0.0067714, 1.72e-3),
    0.780: (-5.5386, 7.26e-4, 0.047924, 3.18e-3),
    0.820: (-5.7947, 6.03e-4, 0.55355, 3.13e-3),
    0.860: (-6.0305, 2.38e-3, 1.2660, 1.36e-2),
    0.900: (-6.2391, 5.27e-3, 2.2314, 2.72e-2),
}
"""Density -> U*/N, its standard deviation, P*, its standard deviation."""


def compared(density: float, metrics: dict[str, Any]) -> dict[str, tuple[float, float, float]]:
    """For U and P: value, its error, and the distance from NIST's in combined errors."""
    energy, energy_error, pressure, pressure_error = PUBLISHED[density]
    wanted = {"potential_energy": (energy, energy_error), "pressure": (pressure, pressure_error)}
    found = {}
    for name, (value, error) in wanted.items():
        own, own_error = metrics[name], metrics[f"{name}_error"]
        found[name] = (own, own_error, (own - value) / hypot(own_error, error))
    return found


def measured(folder: Path, steps: int | None = None) -> dict[float, dict[str, tuple[float, float, float]]]:
    """Density -> what `compared` says, from runs in the folder."""
    settings = [f"time.steps={steps}"] if steps else []
    return {
        density: compared(
            density,
            finished(JOB, folder / f"nist_{density:.3f}", [f"initial.density={density}", *settings])[
                "metrics"
            ],
        )
        for density in PUBLISHED
    }


def panel(axes: Any, results: dict[float, dict[str, tuple[float, float, float]]]) -> None:
    """Distances in combined errors, with the band that is wanted."""
    from hpcphys.report.figures import BLUE, GREY, RED

    axes.axhspan(-2.0, 2.0, color=GREY, alpha=0.12, linewidth=0)
    axes.axhline(0.0, color=GREY, linewidth=0.6)
    for name, label, colour, mark in (("potential_energy", "$U$", BLUE, "o"), ("pressure", "$P$", RED, "s")):
        distance = [found[name][2] for found in results.values()]
        axes.plot(list(results), distance, mark, color=colour, markersize=5, label=label)
    axes.set_xlabel(r"$\rho^*$ at $T^* = 0.85$")
    axes.set_ylabel("(here $-$ NIST) / combined error")
    axes.set_ylim(-3.0, 3.0)
    axes.legend(loc="upper right", ncols=2)


def main() -> int:
    """Print the table; exit status 1 if a value is farther than two combined errors."""
    parser = argparse.ArgumentParser(description="NIST's state points")
    parser.add_argument("--folder", type=Path, default=Path("output/state_points"))
    parser.add_argument("--steps", type=int, help="instead of the job's 400,000")
    parser.add_argument("--figure", type=Path)
    given = parser.parse_args()
    results = measured(given.folder, given.steps)
    print("rho*    U*        error    NIST      distance   P*       error    NIST     distance")
    for density, found in results.items():
        (u, du, far_u), (p, dp, far_p) = found["potential_energy"], found["pressure"]
        energy, _, pressure, _ = PUBLISHED[density]
        print(
            f"{density:.3f}  {u:8.4f}  {du:.4f}  {energy:8.4f}  {far_u:+6.2f}   {p:8.4f}  {dp:.4f}  "
            f"{pressure:8.4f}  {far_p:+6.2f}"
        )
    if given.figure:
        drawn(given.figure, panel, results)
    return int(any(abs(value[2]) > 2.0 for found in results.values() for value in found.values()))


if __name__ == "__main__":
    sys.exit(main())
