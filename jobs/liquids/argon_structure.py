"""g(r) of liquid argon beside Yarnell's experiment: peaks and minima, and a figure.

    python jobs/liquids/argon_structure.py [--folder DIR] [--figure PNG]

Source: J. L. Yarnell, M. J. Katz, R. G. Wenzel & S. H. Koenig (1973) Phys. Rev. A 7, 2130: neutrons, 85 K,
21.25 atoms/nm³.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import h5py
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from jobs.liquids.runs import HERE, drawn, finished

JOB = HERE / "argon_structure.toml"

PUBLISHED = {
    "1st peak": (0.367, 3.05),
    "1st minimum": (0.518, 0.567),
    "2nd peak": (0.702, 1.27),
    "2nd minimum": (0.855, 0.828),
    "3rd peak": (1.014, 1.107),
}
"""Place [nm] and height of g(r)."""

HALF_WIDTH = {"1st peak": 0.016, "1st minimum": 0.035}
"""How far around an extremum the parabola is fitted [nm]; elsewhere 0.05."""


def extremum(radius: np.ndarray, value: np.ndarray, near: float, half: float) -> tuple[float, float]:
    """Place and height of the extremum near a distance: of a cubic through the bins within `half` of it.

    The cubic is fitted twice, the second time about the extremum of the first.
    """
    place = near
    for _ in range(2):
        chosen = np.abs(radius - place) <= half
        cubic = np.polynomial.Polynomial.fit(radius[chosen], value[chosen], 3)
        roots = cubic.deriv().roots()
        real = roots[np.isreal(roots)].real
        place = float(real[np.argmin(np.abs(real - place))])
    return place, float(cubic(place))


def extrema(curve: Any) -> dict[str, tuple[float, float]]:
    """Place and height of each published extremum in a curve (radius, value)."""
    return {
        name: extremum(curve.radius, curve.value, near, HALF_WIDTH.get(name, 0.05))
        for name, (near, _) in PUBLISHED.items()
    }


def curve_of(folder: Path) -> SimpleNamespace:
    """g(r) of a run: radius, value, error."""
    with h5py.File(folder / "observables.h5") as file:
        group = file["rdf_0_0"]
        return SimpleNamespace(
            **{name: group[name][()] for name in ("radius", "value", "error", "coordination")}
        )


def panel(axes: Any, curve: Any) -> None:
    """g(r) with the experiment's peaks and minima as circles."""
    from hpcphys.report.figures import BLUE, GREY
    from hpcphys.report.liquids.structure import draw_with_band

    axes.axhline(1.0, color=GREY, linewidth=0.6, linestyle=(0, (4, 3)))
    draw_with_band(axes, curve.radius, curve.value, curve.error, BLUE, r"Lennard-Jones, 0.3405 nm, 119.8 K")
    places, heights = zip(*PUBLISHED.values(), strict=True)
    axes.plot(
        places,
        heights,
        "o",
        markerfacecolor="none",
        color="black",
        markersize=6,
        label="Yarnell 1973, neutrons",
    )
    axes.set_xlim(0.25, curve.radius[-1])
    axes.set_ylim(0.0, None)
    axes.set_xlabel("$r$ [nm]")
    axes.set_ylabel("$g(r)$, argon at 85 K")
    axes.legend(loc="upper right")


def main() -> int:
    """Print the table; exit status 1 if a peak is off by more than 1 % in place or 2 % in height."""
    parser = argparse.ArgumentParser(description="argon's g(r) beside the experiment")
    parser.add_argument("--folder", type=Path, default=Path("output/argon_structure"))
    parser.add_argument("--figure", type=Path)
    given = parser.parse_args()
    finished(JOB, given.folder)
    curve, missed = curve_of(given.folder), 0
    print(f"{'':12}  {'r [nm]':>8} {'exp.':>6} {'off':>7}   {'g':>6} {'exp.':>6} {'off':>7}")
    for name, (place, height) in extrema(curve).items():
        wanted, wanted_height = PUBLISHED[name]
        off, off_height = place / wanted - 1.0, height / wanted_height - 1.0
        missed += "peak" in name and (abs(off) > 0.01 or abs(off_height) > 0.02)
        print(
            f"{name:12}  {place:8.4f} {wanted:6.3f} {off:+7.1%}   "
            f"{height:6.3f} {wanted_height:6.3f} {off_height:+7.1%}"
        )
    if given.figure:
        drawn(given.figure, panel, curve)
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
