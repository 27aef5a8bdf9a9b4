"""Error of compositions against Fourier pairs: a packet in an anharmonic oscillator until t = 10.

python -m scaling.wave_precision            # the table
python -m scaling.wave_precision docs       # and the figure docs/images/wave_precision.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from hpcphys.compiler import State, compile_structure
from hpcphys.decomposition.communicator import Communicator
from hpcphys.initial.wavefunctions import gaussian_factor
from hpcphys.kernels import backend
from hpcphys.physics.schrodinger.engine import SplitOperator
from hpcphys.physics.schrodinger.grid import WaveGrid
from hpcphys.physics.schrodinger.system import schrodinger

END, POINTS, HALF = 10.0, 128, 8.0
POTENTIAL = "x^2/2 + x^4/20"
COMPOSITIONS = (
    "leapfrog", "yoshida4", "suzuki4", "blanes_moan4", "blanes_moan_rkn4", "chin4a", "blanes_moan_rkn6",
    "kahan_li8",
)  # fmt: skip
MOST_PAIRS = 20_000


def wave_after(composition: str, steps: int) -> tuple[np.ndarray, int]:
    """ψ at t = END after so many steps, and the Fourier pairs that they took."""
    grid = WaveGrid((POINTS,), (-HALF,), (HALF,))
    engine = SplitOperator(grid, backend("cpu", threads=1), Communicator.serial(), potential=POTENTIAL)
    state = State({"wavefunction": gaussian_factor(grid.axes[0], 1.0, 0.7)})
    program = compile_structure(schrodinger(state, engine), composition, dt=END / steps)
    program.run(steps)
    pairs = sum(operation.name == "kinetic" for operation in program.operations)
    if program.operations[0].name == "kinetic":  # the first of a step is one with the last of the step before
        pairs -= 1
    return state["wavefunction"], pairs * steps


def errors(composition: str, exact: np.ndarray) -> tuple[list[int], list[float]]:
    """Pairs and |ψ - ψ_exact| for steps that shrink by sqrt(2)."""
    pairs: list[int] = []
    found: list[float] = []
    for number in range(30):
        steps = round(24 * 2.0 ** (number / 2.0))
        psi, cost = wave_after(composition, steps)
        pairs.append(cost)
        found.append(float(np.sqrt((np.abs(psi - exact) ** 2).sum() * 2.0 * HALF / POINTS)))
        if cost > MOST_PAIRS or found[-1] < 1e-11:
            break
    return pairs, found


def draw(curves: dict[str, tuple[list[int], list[float]]], path: Path) -> None:
    """All curves in one figure."""
    from matplotlib import colormaps, rc_context
    from matplotlib.figure import Figure

    from hpcphys.report.figures import STYLE

    with rc_context(STYLE):
        figure = Figure(figsize=(6.4, 4.0))
        axes = figure.subplots(gridspec_kw={"left": 0.11, "right": 0.73, "bottom": 0.12, "top": 0.97})
        colours = colormaps["turbo"](np.linspace(0.05, 0.95, len(curves)))
        for (name, (pairs, found)), colour in zip(curves.items(), colours, strict=True):
            axes.loglog(pairs, found, "o-", color=colour, markersize=2.5, linewidth=1.1, label=name)
        axes.set_xlabel("pairs of Fourier transforms until t = 10")
        axes.set_ylabel(r"$\|\psi - \psi_\mathrm{exact}\|$")
        axes.set_ylim(1e-12, 2.0)
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
        figure.savefig(path)


def main(arguments: list[str] | None = None) -> None:
    """Print how many pairs each composition needs for an error, and draw the figure if asked."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("docs", nargs="?", type=Path, help="folder of the documentation")
    given = parser.parse_args(arguments)
    exact, _ = wave_after("kahan_li8", 4000)
    curves = {name: errors(name, exact) for name in COMPOSITIONS}
    targets = (1e-5, 1e-7, 1e-9)
    print(f"{'pairs for an error of':<22}" + "".join(f"{target:>10.0e}" for target in targets))
    for name, (pairs, found) in curves.items():
        needed = []
        for target in targets:
            reached = min(found) <= target
            order = np.argsort(found)
            value = np.exp(
                np.interp(np.log(target), np.log(np.array(found)[order]), np.log(np.array(pairs)[order]))
            )
            needed.append(f"{value:>10.0f}" if reached else f"{'-':>10}")
        print(f"{name:<22}" + "".join(needed))
    if given.docs is not None:
        draw(curves, given.docs / "images" / "wave_precision.png")


if __name__ == "__main__":
    main()
