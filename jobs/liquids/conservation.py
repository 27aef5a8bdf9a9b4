"""The energy of microcanonical runs: drift over 10^5 steps, and fluctuation against the step, for each way in
which a potential may end.

    python jobs/liquids/conservation.py [--folder DIR] [--figure PNG]

Sixteen runs of conservation.toml (864 atoms, mixed precision), some minutes together; runs that are in the
folder already are not repeated.  The drift is the slope of a line through the total energy, with the error
that blocks of its residuals give; the fluctuation is the standard deviation about that line.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from hpcphys.io.series import read_series
from jobs.liquids.runs import HERE, drawn, finished

JOB = HERE / "conservation.toml"
ENDS = {
    "force": ['pairs.shift="force"'],
    "switch": ['pairs.shift="switch"', "pairs.switch_from=2.0"],
    "potential": ['pairs.shift="potential"'],
    "none": ['pairs.shift="none"'],
}
STEPS = (0.002, 0.004, 0.008)
WARM = 20.0
"""Time for the crystal to melt."""
BLOCKS = 20


def drift(series: dict[str, np.ndarray], atoms: int, step: float) -> tuple[float, float, float]:
    """Slope of the total energy in kT per atom and step, its error, and the standard deviation about the line
    in kT per atom.

    series: time, total_energy, temperature of diagnostics;  atoms: number of them
    The error takes blocks of the residuals as independent; an energy that walks at random is not.
    """
    after = series["time"] > WARM
    time, energy = series["time"][after], series["total_energy"][after] / atoms
    thermal = float(series["temperature"][after].mean())
    slope, start = np.polyfit(time, energy, 1)
    residual = energy - slope * time - start
    means = np.array([block.mean() for block in np.array_split(residual, BLOCKS)])
    spread = np.sqrt(np.sum((time - time.mean()) ** 2) / len(time) * BLOCKS)
    error = float(means.std(ddof=2) / spread)
    return float(slope) * step / thermal, error * step / thermal, float(residual.std()) / thermal


def measured(folder: Path) -> dict[str, dict[Any, tuple[float, float, float]]]:
    """End of the potential -> "long" (10^5 steps of 0.005) and each step of STEPS -> what `drift` says."""
    found: dict[str, dict[Any, tuple[float, float, float]]] = {}
    for end, settings in ENDS.items():
        long = folder / f"{end}_0.005"
        atoms = finished(JOB, long, [*settings, "time.step=0.005"])["metrics"]["atoms"]
        found[end] = {"long": drift(read_series(long / "diagnostics.h5"), atoms, 0.005)}
        for step in STEPS:
            short = folder / f"{end}_{step}_short"
            finished(JOB, short, [*settings, f"time.step={step}", "time.end=120.0"])
            found[end][step] = drift(read_series(short / "diagnostics.h5"), atoms, step)
    return found


def panel(axes: Any, results: dict[str, dict[Any, tuple[float, float, float]]]) -> None:
    """Fluctuation of the energy over the step."""
    from hpcphys.report.figures import BLUE, GREEN, GREY, RED

    for (end, found), colour, mark in zip(results.items(), (BLUE, GREEN, RED, GREY), "os^v", strict=True):
        axes.loglog(
            STEPS, [found[step][2] for step in STEPS], mark + "-", color=colour, label=f'shift = "{end}"'
        )
    low = results["force"][STEPS[-1]][2]
    axes.loglog(
        STEPS,
        [0.6 * low * (step / STEPS[-1]) ** 2 for step in STEPS],
        "--",
        color="black",
        label=r"$\sim h^2$",
    )
    axes.set_xticks(STEPS, [f"{step:g}" for step in STEPS])
    axes.minorticks_off()
    axes.set_xlabel("step $h^*$")
    axes.set_ylabel(r"fluctuation of $E/N$ [$kT$]")
    axes.legend()


def main() -> int:
    """Print the table; exit status 1 if smooth ends drift by more than 1e-7 kT per atom and step, or their
    fluctuation does not fall as the square of the step."""
    parser = argparse.ArgumentParser(description="the energy of microcanonical runs")
    parser.add_argument("--folder", type=Path, default=Path("output/conservation"))
    parser.add_argument("--figure", type=Path)
    given = parser.parse_args()
    results = measured(given.folder)
    print(
        "shift      drift [kT/atom/step]     fluctuation [kT/atom] at "
        + ", ".join(map(str, STEPS))
        + "    order"
    )
    missed = False
    for end, found in results.items():
        slope, error, _ = found["long"]
        spreads = [found[step][2] for step in STEPS]
        order = float(np.log(spreads[-1] / spreads[0]) / np.log(STEPS[-1] / STEPS[0]))
        print(
            f"{end:10} {slope:+.1e} ± {error:.0e}       "
            + "  ".join(f"{s:.2e}" for s in spreads)
            + f"   {order:.2f}"
        )
        missed |= end in ("force", "switch") and not (abs(slope) < 1e-7 and abs(order - 2.0) < 0.2)
    if given.figure:
        drawn(given.figure, panel, results)
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
