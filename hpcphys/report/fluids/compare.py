"""One figure of several runs: what ideal flows do to their Casimirs, or the spectra and fluxes of a cascade.

python -m hpcphys.report.fluids.compare output/casimirs_zeitlin output/casimirs_pseudospectral
python -m hpcphys.report.fluids.compare output/inverse_cascade_?
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hpcphys.io.series import read_series
from hpcphys.report.plots import save_figure, used_job


def compared(folders: Sequence[Path]) -> tuple[Path, str]:
    """The figure for the kind of the first run, cascades if it is forced, and a table to print ("": none).

    Raises DataFileError for a folder that does not hold what the figure needs.
    """
    if used_job(folders[0]).get("forcing"):
        return compared_cascades(folders)
    return compared_casimirs(folders), ""


def compared_casimirs(folders: Sequence[Path]) -> Path:
    """Draw casimirs_compared.png into the first folder: a line for each run, named after its folder.

    Casimirs are the traces of Zeitlin's model, or the moments <ω^m> of the other runs on their grids.
    Raises DataFileError for a folder without diagnostics.h5.
    """
    import matplotlib

    from hpcphys.report import figures
    from hpcphys.report.fluids_casimirs import casimirs_figure

    runs = {folder.name: casimir_series(read_series(folder / "diagnostics.h5")) for folder in folders}
    with matplotlib.rc_context(figures.STYLE):
        return save_figure(casimirs_figure(runs), folders[0] / "casimirs_compared.png")


def compared_cascades(folders: Sequence[Path]) -> tuple[Path, str]:
    """Draw cascades_compared.png into the first folder, a line for each run; with it a table of numbers.

    Raises DataFileError for a folder without spectra, or whose job states no window.
    """
    import matplotlib

    from hpcphys.report import figures
    from hpcphys.report.fluids.cascades import cascades_figure, cascades_table, read_cascade

    runs = {folder.name: read_cascade(folder) for folder in folders}
    with matplotlib.rc_context(figures.STYLE):
        path = save_figure(cascades_figure(runs), folders[0] / "cascades_compared.png")
    return path, cascades_table(runs)


def casimir_series(series: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Time, energy and casimir_2, casimir_3, ... of a run."""
    kind = "casimir_" if "casimir_2" in series else "moment_"
    found = {name: series[name] for name in ("time", "energy")}
    return found | {name.replace(kind, "casimir_"): series[name] for name in series if name.startswith(kind)}


if __name__ == "__main__":
    figure, table = compared([Path(argument) for argument in sys.argv[1:]])
    print(*filter(None, (table, figure)), sep="\n")
