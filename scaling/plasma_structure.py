"""Energy of a plasma over 100,000 steps: Hamiltonian splitting and leapfrog; what a step of each costs.

python -m scaling.plasma_structure runs RUNS           # the runs, in the folder RUNS, and their slopes
python -m scaling.plasma_structure runs RUNS docs      # and the figure docs/images/plasma_structure.png
python -m scaling.plasma_structure cost                # ns per particle and step
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from hpcphys.compiler import State, compile_structure
from hpcphys.decomposition.communicator import Communicator
from hpcphys.decomposition.grids import GridBlocks
from hpcphys.kernels import backend
from hpcphys.physics.plasma.fields import Maxwell
from hpcphys.physics.plasma.particles import Particles, Species
from hpcphys.physics.plasma.splitting import hamiltonian_splitting

JOB = Path(__file__).parents[1] / "jobs" / "plasmas" / "structure.toml"
LEAPFROG = ("time.integrator='leapfrog'", "particles.relativistic=false")
VARIANTS = {
    "splitting": (),
    "energy": (*LEAPFROG, "particles.gather='energy'"),
    "momentum": (*LEAPFROG, "particles.gather='momentum'"),
}
LABELS = {
    "splitting": "Hamiltonian splitting",
    "energy": "leapfrog, energy-conserving gather",
    "momentum": "leapfrog, momentum-conserving gather",
}
STEPS, EVERY = 100_000, 200


def run(variant: str, folder: Path, steps: int = STEPS) -> tuple[np.ndarray, np.ndarray]:
    """Times and relative errors of the energy of a variant of the job; a finished run is read again."""
    own = folder / variant
    if not (own / "summary.json").exists():
        changes = [*VARIANTS[variant], f"time.end={0.2 * steps:g}", f"output.diagnostics_every={EVERY}"]
        settings = [word for change in (*changes, "output.plots=false") for word in ("--set", change)]
        command = [sys.executable, "-m", "hpcphys", "run", str(JOB), "--output", str(own), *settings]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    rows = np.genfromtxt(own / "diagnostics.csv", delimiter=",", names=True)
    return rows["time"], rows["energy_error"]


def slope(times: np.ndarray, errors: np.ndarray) -> tuple[float, float]:
    """Least squares: slope and its standard error, of errors that are not independent.

    The error is that of independent ones times √(2τ), τ the integrated autocorrelation time of what the line
    leaves.  Source: Sokal (1997), in Functional Integration, Plenum, section 3 (window of 5 τ).
    """
    (found, start), covariance = np.polyfit(times, errors, 1, cov=True)
    rest = errors - (start + found * times)
    products = np.correlate(rest, rest, "full")[len(rest) - 1 :]
    tau = 0.5 + np.cumsum(products[1:] / products[0])
    window = np.flatnonzero(np.arange(1, len(rest)) >= 5.0 * tau)
    twice = 2.0 * tau[window[0]] if len(window) else len(rest)
    return float(found), float(np.sqrt(covariance[0, 0] * max(twice, 1.0)))


def draw(curves: dict[str, tuple[np.ndarray, np.ndarray]], path: Path) -> None:
    """All errors, and those that stay small by themselves with their fits."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    from hpcphys.report.figures import STYLE

    colours = dict(zip(LABELS, ("#0b6e8f", "#7a9e3c", "#c2452d"), strict=True))
    with rc_context(STYLE):
        figure = Figure(figsize=(7.6, 3.2))
        whole, close = figure.subplots(
            1, 2, gridspec_kw={"left": 0.08, "right": 0.985, "bottom": 0.15, "top": 0.9, "wspace": 0.27}
        )
        for name, (times, errors) in curves.items():
            whole.plot(times, errors, color=colours[name], linewidth=1.2, label=LABELS[name])
            if name != "momentum":
                close.plot(times, 1e3 * errors, color=colours[name], linewidth=0.5, alpha=0.8)
                found, bar = slope(times, errors)
                line = 1e3 * np.polyval([found, np.mean(errors) - found * np.mean(times)], times)
                text = f"{found * times[-1]:+.1e} ± {bar * times[-1]:.0e} over the run"
                close.plot(times, line, color=colours[name], linewidth=1.8, label=text)
        for axes in (whole, close):
            axes.set_xlabel(r"$\omega_p t$  (100,000 steps)")
            axes.legend(loc="upper left", fontsize="small")
        whole.set_ylabel(r"$(E - E_0)/E_0$")
        close.set_ylabel(r"$10^3\,(E - E_0)/E_0$")
        lowest, highest = close.get_ylim()
        close.set_ylim(lowest, highest + 0.3 * (highest - lowest))
        whole.set_title(r"$\Delta x = 4\,\lambda_D$, 16 particles per cell", fontsize="medium")
        close.set_title("without the one that heats", fontsize="medium")
        figure.savefig(path)


def plasma(order: int, precision: str, n: int, per_cell: int):
    """(fields, particles) of a thermal plasma in n³ cells of two Debye lengths, on one thread."""
    one = backend("cpu", threads=1)
    blocks = GridBlocks((n,) * 3, Communicator.serial(), order + 1 + (order != 2), backend=one)
    spacing, count = (0.2,) * 3, per_cell * n**3
    species = Species("electrons", -1.0, 1.0, relativistic=False, weight=0.2**3 / per_cell)
    particles = Particles(species, blocks, spacing, order=order, precision=precision, backend=one)
    rng = np.random.default_rng(1)
    particles.add(rng.random((count, 3)) * n * 0.2, 0.1 * rng.normal(size=(count, 3)))
    return Maxwell(blocks, spacing, precision=precision), particles


def seconds(step: Callable[[], None], repeats: int = 7) -> float:
    """Median of the times of a step, after three that put memory in place."""
    found = []
    for number in range(3 + repeats):
        begin = time.perf_counter()
        step()
        if number >= 3:
            found.append(time.perf_counter() - begin)
    return float(np.median(found))


def cost(n: int = 16, per_cell: int = 32) -> None:
    """Print ns per particle and step of both schemes, field updates and guards included."""
    print(f"{n}^3 cells, {per_cell} particles in each, one core, ns per particle and step")
    print(f"{'':<20}{'leapfrog':>10}{'splitting':>11}{'ratio':>7}")
    for precision in ("single", "double"):
        for order in (1, 2, 3):
            fields, particles = plasma(order, precision, n, per_cell)

            def leapfrog(fields=fields, particles=particles) -> None:
                fields.J[...] = 0.0
                particles.advance(fields.E, fields.B, fields.J, 0.1)
                fields.finish_currents()
                particles.migrate()
                fields.faraday(0.05)
                fields.ampere(0.1)
                fields.faraday(0.05)

            inside = (None, ..., *fields.blocks.owned)
            state = State({name: getattr(fields, name)[inside] for name in ("E", "B", "J")})
            system = hamiltonian_splitting(state, {"electrons": particles}, fields)
            program = compile_structure(system, "leapfrog", dt=0.1)
            scale = 1e9 / (per_cell * n**3)
            first, second = scale * seconds(leapfrog), scale * seconds(program.step)
            print(f"{precision:<8}order {order:<6}{first:>10.1f}{second:>11.1f}{second / first:>7.1f}")


def main(arguments: list[str] | None = None) -> None:
    """Print slopes or costs, and draw the figure if asked."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("what", choices=("runs", "cost"))
    parser.add_argument("runs", nargs="?", type=Path, help="folder of the runs")
    parser.add_argument("docs", nargs="?", type=Path, help="folder of the documentation")
    given = parser.parse_args(arguments)
    if given.what == "cost":
        cost()
        return
    if given.runs is None:
        parser.error("runs: give a folder for the runs")
    curves = {name: run(name, given.runs) for name in VARIANTS}
    for name, (times, errors) in curves.items():
        found, bar = slope(times, errors)
        largest, spread = np.abs(errors).max(), errors.std()
        trend = f"slope x time {found * times[-1]:+.1e} ± {bar * times[-1]:.0e}"
        print(f"{LABELS[name]:<40} largest {largest:.2e}, standard deviation {spread:.1e}, {trend}")
    if given.docs is not None:
        draw(curves, given.docs / "images" / "plasma_structure.png")


if __name__ == "__main__":
    main()
