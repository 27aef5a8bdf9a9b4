"""One picture of everything that liquids are held against: docs/images/liquids_published.png.

    python jobs/liquids/published.py [--folder DIR] [--figure PNG]

Runs what state_points, argon_structure, argon_diffusion and conservation run,
each in a folder of its own below DIR; what is there already is not repeated.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from jobs.liquids import argon_diffusion, argon_structure, conservation, state_points
from jobs.liquids.runs import finished


def draw(folder: Path, path: Path) -> None:
    """Four panels into a file."""
    import matplotlib
    from matplotlib.figure import Figure

    from hpcphys.report.figures import STYLE

    finished(argon_structure.JOB, folder / "argon_structure")
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(10.5, 6.8))
        grid = {"left": 0.07, "right": 0.98, "bottom": 0.08, "top": 0.97, "wspace": 0.2, "hspace": 0.25}
        (structure, points), (diffusion, energy) = figure.subplots(2, 2, gridspec_kw=grid)
        argon_structure.panel(structure, argon_structure.curve_of(folder / "argon_structure"))
        state_points.panel(points, state_points.measured(folder / "state_points"))
        argon_diffusion.panel(diffusion, argon_diffusion.measured(folder / "argon_diffusion"))
        conservation.panel(energy, conservation.measured(folder / "conservation"))
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
