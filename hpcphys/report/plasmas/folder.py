"""From the output folder of a run of a plasma to its figures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from matplotlib.figure import Figure

from hpcphys.report.plasmas.run import Run
from hpcphys.report.plots import save_drawings


def plot_plasma(folder: str | Path, movie: bool = False) -> list[Path]:
    """Draw what a person would want to see of a run, into its folder.

    folder: output folder with diagnostics.h5 and, perhaps, phase_space.h5, lines.h5 and openpmd/
    movie: also movie.gif from all snapshots of a plasma in two dimensions
    Writes energy, charge, modes, phase_space, dispersion, spectra, fields and moments .png, those whose data
    is there.  Returns the paths written.  Raises DataFileError when the folder has neither diagnostics nor
    snapshots, or a file is damaged.
    """
    import matplotlib

    from hpcphys.report import figures
    from hpcphys.report.plasmas import maps, phase_space, spectra, timelines

    run = Run(Path(folder))
    drawings: dict[str, Callable[[Run], Figure | None]] = {
        "energy": timelines.energy_figure,
        "charge": timelines.charge_figure,
        "modes": timelines.modes_figure,
        "phase_space": phase_space.phase_space_figure,
        "dispersion": spectra.dispersion_figure,
        "spectra": spectra.spectra_figure,
        "fields": maps.fields_figure,
        "moments": maps.moments_figure,
    }
    with matplotlib.rc_context(figures.STYLE):
        written = save_drawings(drawings, run)
        if movie and len(run.paths) > 1:
            written += maps.write_movie(run)
    return written
