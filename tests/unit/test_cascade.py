"""The small inverse cascade of jobs/fluids/cascade_small.toml: slope, flux, dissipation, constant."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hpcphys.decomposition.communicator import Communicator
from hpcphys.kernels import backend
from hpcphys.physics.vorticity.cascade import averaged, window_results
from hpcphys.report.log import Log
from hpcphys.report.timers import Timers
from hpcphys.run.job_file import load_job
from hpcphys.run.kind import kind_of

JOB = Path(__file__).parents[2] / "jobs" / "fluids" / "cascade_small.toml"
EVERY = 20
"""Steps between spectra."""


def cascade(seed: int) -> dict[str, float]:
    """The numbers of the job's window, and the share of what comes in that is dissipated in its time."""
    job, serial = load_job(JOB, ["diagnostics.budget_every=5", f"forcing.seed={seed}"]), Communicator.serial()
    seen = job.diagnostics
    flow = kind_of(job).simulation(job, backend("cpu", threads=1), serial, Timers(serial), Log(1), None)
    flow.start(resumed=False)
    rows: list[dict] = []
    first: dict[str, float] = {}
    while flow.state.time < seen.average_to:
        flow.advance(EVERY, diagnosed=False)
        if flow.state.time >= seen.average_from:
            spectrum, flux, _ = flow.spectra()
            rows.append({"time": flow.state.time, "spectrum": spectrum, "flux": flux})
            first = first or flow.row()
    last = flow.row()
    means, _ = averaged({name: np.array([row[name] for row in rows]) for name in rows[0]}, 0.0, None)
    found = window_results(
        flow.shells.wavenumber, means["spectrum"], means["flux"], seen.fit_min, seen.fit_max
    )
    lost = sum(last[name] - first[name] for name in ("energy_dissipated_viscous", "energy_dissipated_drag"))
    window = means["flux"][int(seen.fit_min) : int(seen.fit_max) + 1]
    return found | {
        "rows": len(rows),
        "largest flux": float(window.max()),
        "dissipated": lost / (last["energy_injected"] - first["energy_injected"]),
        "injected": last["energy_injected"] / flow.state.time,
        "energy_error": last["energy_error"],
        "enstrophy_error": last["enstrophy_error"],
    }


def test_the_cascade_has_its_slope_flux_and_constant():
    """The flux changes by a quarter in the window: this guards the program, and proves no physics."""
    found = cascade(seed=1)
    assert found["rows"] > 150
    assert -1.77 <= found["spectral_slope"] <= -1.57
    assert found["spectral_slope_error"] < 0.08
    assert 5.0 < found["kolmogorov_constant"] < 6.0
    assert found["largest flux"] < 0.0
    assert 0.2 < found["energy_flux_variation"] < 0.35
    assert found["dissipated"] > 0.95
    assert 0.95 < found["injected"] < 1.05
    assert abs(found["energy_error"]) < 2e-3
    assert abs(found["enstrophy_error"]) < 3e-3
