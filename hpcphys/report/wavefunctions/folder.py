"""From the output folder of a run of a wavefunction to its figures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from matplotlib.figure import Figure

from hpcphys.report.plots import save_drawings
from hpcphys.report.wavefunctions.run import Run


def plot_wavefunction(folder: str | Path, movie: bool = False) -> list[Path]:
    """Draw what a person would want to see of a run, into its folder.

    folder: output folder with diagnostics.h5 and, perhaps, snapshots and job.used.toml
    movie: also movie.gif from all snapshots, and movie.mp4 where ffmpeg is installed
    Writes density, carpet, means, errors, relaxation, probabilities, transmission and spectrum .png, those
    whose data is there.  Returns the paths written.  Raises DataFileError when the folder has neither
    diagnostics nor snapshots, or a file is damaged.
    """
    import matplotlib

    from hpcphys.report import figures
    from hpcphys.report.wavefunctions import density, spectra, timelines

    run = Run(Path(folder))
    drawings: dict[str, Callable[[Run], Figure | None]] = {
        "density": density.density_figure,
        "carpet": density.carpet_figure,
        "means": timelines.means_figure,
        "errors": timelines.errors_figure,
        "relaxation": timelines.relaxation_figure,
        "probabilities": timelines.probabilities_figure,
        "transmission": spectra.transmission_figure,
        "spectrum": spectra.spectrum_figure,
    }
    with matplotlib.rc_context(figures.STYLE):
        written = save_drawings(drawings, run)
        if movie and run.paths:
            from hpcphys.report.wavefunctions.movie import write_movie

            written += write_movie(run)
    return written
