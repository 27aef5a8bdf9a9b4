"""Codes that PyPI has, and this one, on the same particles in one run.

python scaling/compare.py [--particles N] [--python INTERPRETER] [--quick]

The peers may live in an environment of their own, made with
  python -m venv peers; peers/bin/pip install pytreegrav rebound
and given with --python peers/bin/python.  Each code is judged with the softening kernel that it has itself.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scaling.distributions import plummer
from scaling.error_curve import Curve
from scaling.exact_field import Errors
from scaling.force import SOFTENING, sample_of
from scaling.limits import machine
from scaling.printed import Table
from scaling.timing import Timing, alone

WORKER = Path(__file__).resolve().with_name("peers.py")


@dataclass(frozen=True)
class Setting:
    """A peer, its opening angle, and the softening kernel it has."""

    peer: str
    angle: float
    kernel: str


SETTINGS = (
    Setting("pytreegrav", 0.7, "spline"),
    Setting("pytreegrav", 0.5, "spline"),
    Setting("rebound", 0.5, "plummer"),
)


def is_installed(peer: str, python: str) -> bool:
    """Whether this interpreter finds the package."""
    ask = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({peer!r}) is None)"
    return subprocess.run([python, "-c", ask], capture_output=True).returncode == 0


def peer_evaluation(
    setting: Setting, position: np.ndarray, mass: np.ndarray, repeats: int, python: str
) -> tuple[np.ndarray, Timing, str]:
    """Acceleration (n, 3), time and version of one peer.  Raises RuntimeError with its words if it fails."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "in.npz", Path(folder) / "out.npz"
        arrays = {"position": position, "mass": mass}
        np.savez(source, **arrays, softening=SOFTENING, repeats=repeats, setting=setting.angle)
        done = subprocess.run(
            [python, str(WORKER), setting.peer, str(source), str(target)], capture_output=True, text=True
        )
        if done.returncode != 0:
            raise RuntimeError(f"{setting.peer} failed:\n{done.stderr.strip()}")
        with np.load(target) as found:
            timing = Timing(float(found["cpu"]), float(found["wall"]))
            return found["acceleration"], timing, str(found["version"])


def compare(count: int, repeats: int, python: str = sys.executable) -> Table:
    """The table of all peers that are installed, beside this program at each peer's own error."""
    arrays = plummer(count)
    table = Table(
        f"Codes from PyPI in this run: Plummer, N = {count}, one core",
        "code", "CPU s", "1e6/s", "median", "99 %", "hpcphys at these errors 1e6/s", "ratio",
    )  # fmt: skip
    installed = {peer: is_installed(peer, python) for peer in dict.fromkeys(s.peer for s in SETTINGS)}
    for peer in (peer for peer, there in installed.items() if not there):
        table.add(f"{peer}: not installed", None, None, None, None, None, None)
    present = [setting for setting in SETTINGS if installed[setting.peer]]
    for kernel in dict.fromkeys(setting.kernel for setting in present):
        sample = sample_of(arrays, kernel)
        curve = Curve.of(arrays, sample, repeats, softening_kernel=kernel)
        for setting in (s for s in present if s.kernel == kernel):
            acceleration, timing, version = peer_evaluation(
                setting, arrays["position"], arrays["mass"], repeats, python
            )
            errors: Errors = sample.errors(arrays["id"], acceleration)
            ours = curve.rate_for(errors.median, errors.worst)
            rate = count / timing.cpu
            table.add(
                f"{setting.peer} {version}, θ = {setting.angle:g}, {kernel}",
                timing.cpu, rate / 1e6, errors.median, errors.worst,
                ours and ours / 1e6, ours and ours / rate,
            )  # fmt: skip
    return table


def main(arguments: list[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description="codes from PyPI beside this one")
    parser.add_argument("--particles", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--python", default=sys.executable, help="interpreter that has the peers")
    parser.add_argument("--quick", action="store_true", help="10,000 particles")
    given = parser.parse_args(arguments)
    print(machine())
    with alone():
        count = min(given.particles, 10_000) if given.quick else given.particles
        compare(count, given.repeats, given.python).show()
    return 0


if __name__ == "__main__":
    sys.exit(main())
