"""What a finished run of a flow is made for: averages in the job's window."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from hpcphys.io.rows import open_hdf5
from hpcphys.io.series import read_series
from hpcphys.physics.vorticity.cascade import averaged, window_results
from hpcphys.run.fluids.job import FluidJob


def results(job: FluidJob, folder: Path) -> dict[str, Any]:
    """What the spectra say in the window [fit_min, fit_max], averaged over [average_from, average_to].

    spectral_slope and its error, compensated_slope and its error, energy_flux and its variation,
    kolmogorov_constant (see cascade.window_results); {} without a window or without spectra
    """
    seen, path = job.diagnostics, folder / "spectra.h5"
    if seen.fit_min is None or not path.exists():
        return {}
    with open_hdf5(path) as file:
        wavenumber = np.asarray(file.attrs["wavenumber"])
    means, rows = averaged(read_series(path), seen.average_from, seen.average_to)
    found: dict[str, Any] = window_results(
        wavenumber, means["spectrum"], means["energy_flux"], seen.fit_min, seen.fit_max
    )
    return {**found, "fit_window": [seen.fit_min, seen.fit_max], "averaged_spectra": rows}
