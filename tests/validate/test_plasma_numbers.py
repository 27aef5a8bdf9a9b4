"""The numbers that plasmas have to reach, through their job files; printed with -s."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hpcphys.physics.plasma import theory

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from launching import ENVIRONMENT, ROOT

pytestmark = pytest.mark.validate

JOBS = ROOT / "jobs" / "plasmas"


@pytest.fixture
def run(tmp_path):
    """run(name, settings…): the metrics of a job of jobs/plasmas, done."""

    def done(name: str, *settings: str) -> dict[str, Any]:
        command = [sys.executable, "-m", "hpcphys", "run", str(JOBS / f"{name}.toml"), "--overwrite"]
        command += ["--output", str(tmp_path), "--set", "output.plots=false"]
        command += [word for setting in settings for word in ("--set", setting)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", **ENVIRONMENT}
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=1800)
        assert ended.returncode == 0, ended.stderr
        metrics = json.loads((tmp_path / "summary.json").read_text())["metrics"]
        for measured, found in metrics.get("measured", {}).items():
            print(f"{name} {' '.join(settings)}: {measured} {found}")
        return metrics

    return done


def wave(k: float, **arguments: float) -> list[str]:
    """Settings that put one wave of this number into the box of a two-stream job."""
    found = [f"grid.upper={2 * 3.141592653589793 / k!r}", f"particles.parameters.k={k!r}"]
    found.append(f"measure.growth_rate.arguments.wave_number={k!r}")
    return found + [f"measure.growth_rate.arguments.{name}={value!r}" for name, value in arguments.items()]


@pytest.mark.parametrize("k", [theory.cold_two_stream_maximum()[0], 0.5, 0.75])
def test_cold_two_stream(run, k):
    measured = run("two_stream", *wave(k))["measured"]
    assert abs(measured["growth_rate"]["error"]) < 5e-3


def test_two_stream_with_maxwells_equations(run):
    metrics = run("two_stream_em")
    assert abs(metrics["measured"]["growth_rate"]["error"]) < 5e-3
    assert metrics["charge_residual_max"] < 1e-13


def test_warm_two_stream(run):
    warm = [f"species.{name}.thermal_velocity=[0.1, 0, 0]" for name in ("right", "left")]
    warm += [f"species.{name}.per_cell=2048" for name in ("right", "left")]
    metrics = run(
        "two_stream", *wave(0.6175, thermal=0.1), *warm, "measure.growth_rate.theory='warm_two_stream'"
    )
    assert abs(metrics["measured"]["growth_rate"]["error"]) < 1e-2


@pytest.mark.parametrize(("k", "end", "size"), [(0.3, 60, 0.003), (0.5, 25, 0.01)])
def test_landau_damping(run, k, end, size):
    measured = run(
        "landau_linear", f"grid.upper={2 * 3.141592653589793 / k!r}", f"particles.parameters.k={k}",
        f"measure.wave.arguments.wave_number={k}",
        f"species.electrons.displacement=['{size}/k*sin(k*x)']", f"time.end={end}",
    )["measured"]  # fmt: skip
    assert abs(measured["wave_frequency"]["error"]) < 3e-3
    assert abs(measured["wave_growth"]["error"]) < 2e-2


@pytest.mark.parametrize("job", ["weibel", "filamentation"])
def test_magnetic_instabilities(run, job):
    metrics = run(job)
    assert abs(metrics["measured"]["growth_rate"]["error"]) < 3e-2
    assert metrics["charge_residual_max"] < 1e-13


def test_plasma_oscillation(run):
    found = run("plasma_oscillation")["measured"]["frequency"]
    assert abs(found["error"]) < 1e-5
    assert abs(found["value"] / theory.leapfrog_frequency(1.0, 0.2) - 1.0) < 1e-3


def test_light_in_a_plasma(run):
    metrics = run("em_wave")
    assert abs(metrics["measured"]["frequency"]["error"]) < 1e-3


def test_gyration_and_drift(run):
    found = run("magnetised_ring")["measured"]["rotation"]
    assert abs(found["error"]) < 1e-12
    assert found["drift"] == pytest.approx([0.0, -0.05], abs=1e-12)
    assert found["spread"] < 1e-12


def test_nonlinear_landau_damping_comes_back(run, tmp_path):
    """After the first decay the wave's energy grows again: Cheng & Knorr (1976), figure 2."""
    import numpy as np

    from hpcphys.io.series import read_series

    run("landau_nonlinear")
    series = read_series(tmp_path / "diagnostics.h5")
    energy, time = series["electric_energy"][:, 0], series["time"]
    first = energy[time < 3].max()
    lowest = max(energy[(time > t) & (time < t + 2.5)].max() for t in np.arange(14.0, 16.0, 0.5))
    later = energy[(time > 25) & (time < 45)].max()
    print(f"nonlinear Landau: {first:.4g}, {lowest:.4g}, {later:.4g}")
    assert lowest < 0.02 * first
    assert later > 2.0 * lowest
    assert abs(series["energy_error"]).max() < 5e-3
