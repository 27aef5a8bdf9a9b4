"""The numbers that wavefunctions have to reach, through their job files; printed with -s."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from hpcphys.io.series import read_series

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from launching import ENVIRONMENT, MPIRUN, ROOT, launcher

pytestmark = pytest.mark.validate

JOBS = ROOT / "jobs" / "wavefunctions"


class Done:
    """A finished run: its metrics, its series, its last wavefunction."""

    def __init__(self, folder: Path, job: Path, settings: list[str], ranks: int = 1):
        command = [*(launcher(ranks) if ranks > 1 else []), sys.executable, "-m", "hpcphys", "run", str(job)]
        command += ["--output", str(folder), "--set", "output.plots=false"]
        command += [word for setting in settings for word in ("--set", setting)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", **ENVIRONMENT}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=1800)
        assert done.returncode == 0, done.stderr
        self.folder, self.text = folder, done.stdout
        self.metrics = json.loads((folder / "summary.json").read_text())["metrics"]
        self.series = read_series(folder / "diagnostics.h5")

    @property
    def wavefunction(self) -> np.ndarray:
        with h5py.File(max(self.folder.glob("checkpoint-*.h5"))) as file:
            return file["state/wavefunction"][:]


@pytest.fixture
def run(tmp_path):
    """run(name, settings…, table=text…): a job of jobs/wavefunctions, with other tables, done."""
    started: list[Done] = []

    def start(name: str, *settings: str, ranks: int = 1, **tables: str) -> Done:
        job, folder = JOBS / f"{name}.toml", tmp_path / f"{name}-{len(started)}"
        if tables:
            pattern = rf"^\[({'|'.join(tables)})(\.\w+)?\]\n(.*\n)*?(?=\[|\Z)"
            text = re.sub(pattern, "", job.read_text(), flags=re.MULTILINE)
            job = folder.with_suffix(".toml")
            job.write_text(text + "".join(f"[{table}]\n{body}\n" for table, body in tables.items()))
        started.append(Done(folder, job, list(settings), ranks))
        print(f"\n{name} {' '.join(settings)}", *started[-1].text.splitlines()[-3:-1], sep="\n  ")
        return started[-1]

    return start


def fourier_hamiltonian(points: int, lower: float, upper: float, potential) -> tuple[np.ndarray, np.ndarray]:
    """(x, p²/2 + V) on a periodic grid, the kinetic part exact for every wave of the grid."""
    length = upper - lower
    k = 2.0 * np.pi * np.fft.fftfreq(points, length / points)
    x = lower + length / points * np.arange(points)
    waves = np.fft.fft(np.eye(points), axis=0)
    kinetic = np.fft.ifft(0.5 * k[:, None] ** 2 * waves, axis=0).real
    return x, kinetic + np.diag(potential(x))


def gross_pitaevskii(strength: float, points: int, half: float, levels: int = 24) -> tuple[float, float]:
    """(μ, E) of the ground state in V = x²/2, by Newton's method on (ψ, μ), g raised in small steps."""
    x, linear = fourier_hamiltonian(points, -half, half, lambda x: 0.5 * x * x)
    cell = 2.0 * half / points
    psi, mu = np.exp(-0.5 * x * x) / np.pi**0.25, 0.5
    for g in np.linspace(0.0, 1.0, levels + 1)[1:] ** 3 * strength:
        for _ in range(50):
            rest = np.append(linear @ psi + g * psi**3 - mu * psi, 0.5 * (psi @ psi * cell - 1.0))
            jacobian = np.zeros((points + 1, points + 1))
            jacobian[:points, :points] = linear + np.diag(3.0 * g * psi**2 - mu)
            jacobian[:points, points], jacobian[points, :points] = -psi, psi * cell
            change = np.linalg.solve(jacobian, -rest)
            psi, mu = psi + change[:points], mu + change[points]
            if np.abs(change).max() < 1e-10:
                break
    return float(mu), float(mu - 0.5 * strength * (psi**4).sum() * cell)


def last_digit(number: str) -> float:
    """One unit of the last digit of a printed number."""
    return 10.0 ** -len(number.partition(".")[2])


def test_coherent_states_come_back(run):
    assert run("coherent_state").metrics["wave_error"] < 1e-11
    assert run("coherent_state_2d").metrics["wave_error"] < 1e-11


def test_a_free_packet_spreads_exactly(run):
    metrics = run("free_packet").metrics
    assert metrics["wave_error_max"] < 1e-13
    assert metrics["position_width_x_error_max"] < 1e-12


def test_eckarts_barrier(run):
    """Wanted: within 1e-4 of Eckart's formula over an energy sweep in one run."""
    sweep = run("eckart_barrier").metrics["transmission"]
    assert len(sweep["energies"]) == 81
    assert sweep["error_max"] < 1e-5
    coarse = run("eckart_barrier", "time.integrator=leapfrog", "time.step=0.05").metrics["transmission"]
    assert coarse["error_max"] < 1e-3


def test_the_ground_state_of_the_oscillator(run):
    assert abs(run("harmonic_ground_state_3d").metrics["energy"] - 1.5) < 1e-10
    start = 'model = "ground_state"\ntolerance = 1e-11'
    relaxed = run("harmonic_ground_state_3d", "time.mode=real", "time.end=0.1", initial=start)
    assert abs(relaxed.metrics["energy"] - 1.5) < 1e-10


@pytest.mark.parametrize(
    ("strength", "published", "published_mu"),
    [
        (3.1371, "1.0441", "1.5265"),
        (12.5484, "2.2330", "3.5965"),
        (31.371, "3.9810", "6.5526"),
        (62.742, "6.2570", "10.369"),
        (313.71, "18.171", "30.259"),
    ],
)
def test_condensates(run, strength, published, published_mu):
    """In a harmonic trap, energies of Bao & Tang (2003) J. Comput. Phys. 187, 230, table 1, to half a unit of
    the last digit; chemical potentials of Muruganandam & Adhikari (2009) Comput. Phys. Commun. 180, 1888,
    table 1, to one unit, and by Newton's method; Thomas and Fermi's limit (3g/2)^(2/3)/2."""
    start = 'model = "ground_state"\ntolerance = 1e-8'
    settings = (f"wave.nonlinearity={strength}", "wave.potential=x^2/2", "time.end=0.1")
    done = run("condensate", *settings, initial=start)
    mu, energy = gross_pitaevskii(strength, 256, 16.0)
    assert done.metrics["energy"] == pytest.approx(float(published), abs=0.51 * last_digit(published))
    found = done.metrics["chemical_potential"]
    assert found == pytest.approx(float(published_mu), abs=last_digit(published_mu))
    assert done.metrics["energy"] == pytest.approx(energy, rel=1e-8)
    assert done.metrics["levels"][0] == pytest.approx(mu, rel=1e-6)
    assert done.metrics["chemical_potential"] == pytest.approx(mu, rel=1e-6)
    fermi = 0.5 * (1.5 * strength) ** (2.0 / 3.0)
    print(f"  Thomas and Fermi: {fermi:.6f}, Newton: {mu:.8f}")
    assert 1.0 < mu / fermi < (1.001 if strength > 300.0 else 1.1)


def test_a_large_condensate_breathes(run):
    """sqrt(3) of the trap's frequency in the limit of Thomas and Fermi, 2 without interaction (Menotti &
    Stringari 2002)."""
    for strength, ratio, error in ((313.71, np.sqrt(3.0), 0.004), (0.001, 2.0, 0.001)):
        settings = (f"wave.nonlinearity={strength}", "wave.potential=0.98*x^2/2", "time.end=40")
        series = run("condensate", *settings, "output.diagnostics_every=10").series
        width = series["position_width_x"] - series["position_width_x"].mean()
        times = series["time"]
        up = np.flatnonzero((width[:-1] < 0.0) & (width[1:] >= 0.0))
        crossing = times[up] - width[up] * (times[up + 1] - times[up]) / (width[up + 1] - width[up])
        frequency = 2.0 * np.pi * (len(up) - 1) / (crossing[-1] - crossing[0])
        print(f"  g = {strength}: breathes at {frequency / np.sqrt(0.98):.5f} of the trap's frequency")
        assert abs(frequency / np.sqrt(0.98) / ratio - 1.0) < error


def test_solitons(run):
    metrics = run("soliton").metrics
    assert metrics["wave_error_max"] < 1e-9
    assert metrics["chemical_potential_error_max"] < 1e-9


def test_the_splitting_of_a_double_well(run):
    """Levels against a diagonalisation, and as lines of the spectrum of the tunnelling run."""
    done = run("tunnelling")
    _, matrix = fourier_hamiltonian(192, -6.0, 6.0, lambda x: 3.0 * ((x / 1.8) ** 2 - 1.0) ** 2)
    exact = np.linalg.eigvalsh(matrix)[:2]
    assert np.abs(np.array(done.metrics["levels"]) - exact).max() < 1e-9
    assert np.abs(np.array(done.metrics["spectrum"]["lines"]) - exact).max() < 1e-5
    left = done.series["probability_left"] - done.series["probability_left"].mean()
    period = 2.0 * np.pi / (exact[1] - exact[0])
    phase = 2.0 * np.pi * done.series["time"] / period
    amplitude = 2.0 * np.mean(left * np.cos(phase))
    assert abs(amplitude) > 0.4
    assert np.abs(left - amplitude * np.cos(phase)).max() < 0.03


def test_landau_levels(run):
    metrics = run("landau_levels").metrics
    assert metrics["position_x_error_max"] < 1e-6
    assert metrics["energy_error_max"] < 1e-7
    lines = np.array(metrics["spectrum"]["lines"])
    assert np.abs(lines - (np.arange(len(lines)) + 0.5)).max() < 1e-3


def test_a_driven_oscillator_beats(run):
    metrics = run("driven_oscillator").metrics
    assert metrics["position_x_error_max"] < 1e-8
    assert metrics["position_width_x_error_max"] < 1e-8


def test_hydrogen_with_a_soft_core(run):
    """Against the radial equation u'' = 2 (V - E) u on odd waves of a fine grid."""
    energy = run("hydrogen_soft").metrics["energy"]
    points, far = 600, 60.0
    r = far * np.arange(1, points) / points
    k = np.pi / far * np.arange(1, points)
    sines = np.sqrt(2.0 / points) * np.sin(np.outer(k, r))
    exact = np.linalg.eigvalsh((sines * (0.5 * k**2)) @ sines.T + np.diag(-1.0 / np.sqrt(r * r + 1.0)))[0]
    print(f"  radial equation: {exact:.9f}")
    assert abs(energy - exact) < 2e-6


def test_a_product_is_the_same_in_any_dimension(run):
    waves = []
    for axes in ("x", "xy", "xyz"):
        potential = "(" + "+".join(f"{axis}^2" for axis in axes) + ")/2"
        waves.append(
            run(
                "coherent_state",
                "time.steps=50",
                "time.step=0.05",
                "output.snapshot_every=10.0",
                grid=f"points = {[32] * len(axes)}\nlower = -6.0\nupper = 6.0",
                wave=f'potential = "{potential}"',
                initial='model = "gaussian"\nwidth = 0.6\nmomentum = 0.5',
                exact="",
            ).wavefunction
        )
    line, plane, space = waves
    print("  2D - 1D²:", np.abs(plane - line[:, None] * line).max())
    print("  3D - 1D³:", np.abs(space - line[:, None, None] * line[:, None] * line).max())
    assert np.abs(plane - line[:, None] * line).max() < 1e-13
    assert np.abs(space - line[:, None, None] * line[:, None] * line).max() < 1e-13


@pytest.mark.skipif(MPIRUN is None, reason="no mpirun")
@pytest.mark.parametrize("name", ["double_slit", "coherent_state_2d", "harmonic_ground_state_3d"])
def test_ranks_do_not_matter(run, name):
    settings = ["time.end=0.25"] if name != "coherent_state_2d" else ["time.steps=20"]
    alone = run(name, *settings).wavefunction
    for ranks in (2, 4):
        difference = np.abs(run(name, *settings, ranks=ranks).wavefunction - alone).max()
        print(f"  {ranks} ranks: largest difference {difference:.1e}")
        assert difference < 1e-13
