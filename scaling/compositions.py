"""Error against cost of every composition, on Kepler's ellipse and in the potential of Hénon and Heiles.

    python -m scaling.compositions            # the tables of docs/compositions.md
    python -m scaling.compositions docs       # and the figure docs/images/work_precision.png

Cost is counted in force evaluations; a kick with a force gradient counts as two.  A kick at the end of a step
shares its evaluation with the one that begins the next.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from hpcphys.compiler.compositions import Composition, compositions
from hpcphys.compiler.operations import Flow
from hpcphys.compiler.program import compile_structure
from hpcphys.compiler.system import PhysicalSystem
from scaling.orbits import henon_heiles, kepler, kepler_position

PERIOD = 2 * np.pi
PERIODS = 10.25
TIME = PERIODS * PERIOD
COSTS = (64, 256, 1024)
"""Evaluations per period 2 pi in the table."""

DRAWN = {
    "leapfrog": ("#8c8c8c", "-"),
    "yoshida4": ("#d98c21", "--"),
    "omelyan4": ("#d98c21", "-"),
    "chin4b": ("#c23b4e", "--"),
    "blanes_moan_rkn4": ("#c23b4e", "-"),
    "omelyan4_gradient": ("#7b3294", "--"),
    "blanes_moan6": ("#3b7dc2", "--"),
    "blanes_moan_rkn6_14a": ("#3b7dc2", "-"),
    "kahan_li8": ("#1f9e6e", "--"),
    "omelyan8_gradient": ("#1f9e6e", "-"),
    "sofroniou_spaletta10": ("#111111", "-"),
}


@dataclass(frozen=True)
class Problem:
    """One orbit: the system at its start, and its position at TIME."""

    name: str
    system: Callable[[], PhysicalSystem]
    exact: Callable[[], Any]


@cache
def henon_heiles_position() -> Any:
    """(1, 2) position at TIME, by the tenth-order method in long doubles and short steps."""
    system = henon_heiles()
    compile_structure(system, "sofroniou_spaletta10").run(1200, np.longdouble(TIME) / 1200)
    return system.state["position"].astype(float)


PROBLEMS = (
    Problem("Kepler, e = 0.3", lambda: kepler(0.3, float), lambda: kepler_position(TIME, 0.3, float)),
    Problem("Hénon–Heiles, E = 1/12", lambda: henon_heiles(dtype=float), henon_heiles_position),
)


@cache
def cost(table: Composition) -> int:
    """Force evaluations of one step in a long run."""
    flows = [op for op in compile_structure(kepler(), table).operations if isinstance(op, Flow)]
    kicks = [flow for flow in flows if flow.name == "kick"]
    shared = flows[0].name == flows[-1].name == "kick"
    return len(kicks) + sum(bool(flow.gradient) for flow in kicks) - shared


def error(problem: Problem, table: Composition, per_period: float) -> tuple[float, float]:
    """(cost per period as it was, largest error of the position at TIME)."""
    steps = max(1, round(per_period * PERIODS / cost(table)))
    system = problem.system()
    with np.errstate(all="ignore"):
        compile_structure(system, table).run(steps, TIME / steps)
        found = float(np.abs(system.state["position"] - problem.exact()).max())
    return steps * cost(table) / PERIODS, found


def constant(problem: Problem, table: Composition) -> float:
    """C of error = C (cost per period/100)^-order, where the order rules: error between 1e-11 and 1e-5."""
    per_period, last = 24.0, np.inf
    while per_period < 30000:
        spent, found = error(problem, table, per_period)
        if found < 1e-11 or (found < 1e-5 and last < 1e-5) or (table.order <= 2 and per_period > 5000):
            return found * (spent / 100.0) ** table.order
        last = found if np.isfinite(found) else np.inf
        per_period *= 1.5
    return found * (spent / 100.0) ** table.order


def tables() -> list[Composition]:
    """Every composition of a drift and a kick, by order."""
    found = [table for table in compositions.values() if not table.sequence]
    return sorted(found, key=lambda table: table.order)


def figures(value: float) -> str:
    """A size with one digit; a dash where the method has left the orbit."""
    return f"{value:.0e}".replace("e-0", "e-").replace("e+0", "e") if value < 0.5 else "–"


def row(table: Composition) -> str:
    """One line of the table in Markdown."""
    cells = [f"`{table.name}`", str(table.order), str(cost(table))]
    for problem in PROBLEMS:
        cells += [figures(error(problem, table, per_period)[1]) for per_period in COSTS]
        cells.append(f"{constant(problem, table):.1e}".replace("e-0", "e-").replace("e+0", "e"))
    return "| " + " | ".join(cells) + " |"


def draw(folder: Path) -> Path:
    """The figure: error against cost of the methods in DRAWN, one panel per problem."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(11, 5), sharey=True, layout="constrained")
    for axis, problem in zip(axes, PROBLEMS, strict=True):
        for name, (colour, style) in DRAWN.items():
            table = compositions[name]
            points = [error(problem, table, per_period) for per_period in np.geomspace(20, 4000, 24)]
            spent, found = np.array([point for point in points if point[1] < 0.3]).T
            axis.loglog(spent, found, style, color=colour, label=f"{name} ({table.order})", linewidth=1.6)
        axis.set_title(problem.name)
        axis.set_xlabel("force evaluations per period 2π")
        axis.set_ylim(1e-13, 1)
        axis.grid(True, which="major", color="#e4e4e4", linewidth=0.6)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel(f"error of the position after {PERIODS:g} periods")
    axes[1].legend(title="method (order)", frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    path = folder / "images" / "work_precision.png"
    figure.savefig(path, dpi=110)
    return path


def main(arguments: list[str]) -> None:
    """Print the table; with a folder, draw the figure as well."""
    for table in tables():
        print(row(table), flush=True)
    if arguments:
        print(draw(Path(arguments[0])))


if __name__ == "__main__":
    main(sys.argv[1:])
