"""One picture of everything that liquids are held against: docs/images/liquids_published.png.

    python jobs/liquids/published.py [--folder DIR] [--figure PNG]

Runs what state_points, argon_structure, argon_diffusion, conservation and melting_freezing run,
each in a folder of its own below DIR; what is there already is not repeated.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from hpcphys.io.series import read_series
from jobs.liquids import argon_diffusion, argon_structure, conservation, melting_freezing, state_points
from jobs.liquids.runs import finished


def draw(folder: Path, path: Path) -> None:
    """Five panels into a file."""
    import matplotlib
    from matplotlib.figure import Figure

    from hpcphys.report.figures import STYLE

    finished(argon_structure.JOB, folder / "argon_structure")
    atoms = finished(melting_freezing.JOB, folder / "melting_freezing")["metrics"]["atoms"]
    ramp = read_series(folder / "melting_freezing" / "diagnostics.h5")
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(10.5, 6.6))
        grid = figure.add_gridspec(
            2, 3, left=0.065, right=0.985, bottom=0.08, top=0.97, wspace=0.28, hspace=0.28
        )
        argon_structure.panel(
            figure.add_subplot(grid[0, :2]), argon_structure.curve_of(folder / "argon_structure")
        )
        state_points.panel(figure.add_subplot(grid[0, 2]), state_points.measured(folder / "state_points"))
        argon_diffusion.panel(
            figure.add_subplot(grid[1, 0]), argon_diffusion.measured(folder / "argon_diffusion")
        )
        conservation.panel(figure.add_subplot(grid[1, 1]), conservation.measured(folder / "conservation"))
        melting_freezing.panel(figure.add_subplot(grid[1, 2]), ramp, atoms)
        figure.savefig(path)


def main() -> int:
    """Run what is missing and draw."""
    parser = argparse.ArgumentParser(description="liquids beside published numbers")
    parser.add_argument("--folder", type=Path, default=Path("output/published"))
    parser.add_argument("--figure", type=Path, default=Path("docs/images/liquids_published.png"))
    given = parser.parse_args()
    draw(given.folder, given.figure)
    return 0


if __name__ == "__main__":
    sys.exit(main())
