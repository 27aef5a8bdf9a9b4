"""What a liquid does along a ramp of the bath's temperature."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
from matplotlib.figure import Figure

from hpcphys.report.figures import BLUE, FIGURE_WIDTH, GREEN, GREY, RED

COLOURS = (RED, BLUE, GREEN)
MARGINS = {"left": 0.1, "right": 0.98, "bottom": 0.15, "top": 0.94, "wspace": 0.3}


def ramp_figure(
    series: Mapping[str, np.ndarray], corners: list[list[float]], atoms: int, *, length: str = r"\sigma",
    temperature: str = "T",
) -> Figure:  # fmt: skip
    """Volume and potential energy per atom over the temperature of the moment, one colour for each leg of the
    ramp: a first-order transition is a jump, and a loop where it waits for a nucleus.

    series: temperature, volume, potential_energy, time (rows,);  corners: [[time, temperature], …];
    atoms: number of them;  length, temperature: units and name, in TeX
    """
    figure = Figure(figsize=(FIGURE_WIDTH + 1.6, 3.4))
    panels = figure.subplots(
        1, 2, gridspec_kw={"left": 0.1, "right": 0.98, "bottom": 0.15, "top": 0.94, "wspace": 0.3}
    )
    edges = [-np.inf, *(time for time, _ in corners[1:-1]), np.inf]
    labels = (rf"$V/N$ [${length}^3$]", "$U/N$")
    for axes, name, label in zip(panels, ("volume", "potential_energy"), labels, strict=True):
        for leg, (begin, end) in enumerate(pairwise(edges)):
            chosen = (series["time"] >= begin) & (series["time"] < end)
            first, last = corners[leg][1], corners[leg + 1][1]
            words = f"{'heated' if last > first else 'cooled'} from {first:g} to {last:g}"
            axes.plot(
                series["temperature"][chosen], series[name][chosen] / atoms, linestyle="none", marker=".",
                markersize=2.5, color=COLOURS[leg % len(COLOURS)], label=words,
            )  # fmt: skip
        axes.set_xlabel(f"${temperature}$")
        axes.set_ylabel(label)
    panels[0].legend(frameon=False, markerscale=3, labelcolor=GREY)
    return figure
