"""Fermi, Pasta, Ulam and Tsingou's string: energy that does not spread but comes back."""

from __future__ import annotations

import numpy as np

from hpcphys.physics.zoo.system import Series, ZooSystem

MODES = 5
CYCLE = 0.125**0.5
"""The report's time step: dt² = 1/8."""


def fput(size: int = 32, alpha: float = 0.25, beta: float = 0.0, amplitude: float = 1.0) -> ZooSystem:
    """H = sum p²/2 + sum [r²/2 + alpha r³/3 + beta r⁴/4], r = q_{j+1} - q_j, fixed ends, in the first mode.

    size: N moving masses between two fixed ones;  amplitude: of the sine at the start
    From the report: N = 32, alpha = 1/4, dt² = 1/8, begun as one sine; energy goes to modes 2 to 5, and
    after about 29,000 cycles (figure 1) mode 1 is back to within a few per cent.  The amplitude is taken as
    1, and N = 32 as
    the number of moving masses: with 31 the energy would be back after 26,500 cycles already.
    Source: Fermi, Pasta & Ulam (1955), Los Alamos report LA-1940, figure 1; computed by M. Tsingou.
    """
    if size < 4:
        raise ValueError(f"size {size}; at least 4 masses")
    n, last = size + 1, size - 1
    omega = [2.0 * np.sin(0.5 * np.pi * k / n) for k in range(1, MODES + 1)]
    start = amplitude * np.sin(np.pi * np.arange(1, n) / n)
    spring = "({r})^2/2 + alpha*({r})^3/3 + beta*({r})^4/4"
    potential = " + ".join(
        [spring.format(r="q[0]"), spring.format(r=f"-q[{last}]"),
         f"sum({spring.format(r='q[j + 1] - q[j]')}, j, 0, {last - 1})"]
    )  # fmt: skip
    mode = "sum({v}[j]*sin(pi*{k}*(j + 1)/{n}), j, 0, {last})^2"
    energies = {
        f"mode_{k}": f"({mode.format(v='p', k=k, n=n, last=last)} + "
        f"{float(w * w)!r}*{mode.format(v='q', k=k, n=n, last=last)})/{n}"
        for k, w in enumerate(omega, start=1)
    }
    return ZooSystem(
        name="fput",
        title=f"Fermi-Pasta-Ulam-Tsingou string, N = {size}, alpha = {alpha:g}",
        source="Fermi, Pasta & Ulam (1955), Los Alamos report LA-1940",
        variables=(f"q[{size}]", f"p[{size}]"),
        expression={"kinetic": "dot(p, p)/2", "potential": potential},
        parameters={"alpha": alpha, "beta": beta},
        observables=energies,
        initial={"q": start.tolist(), "p": [0.0] * size},
        results=recurrence,
        facts={"period": float(2.0 * np.pi / omega[0])},
    )


def recurrence(series: Series) -> dict[str, float]:
    """When the first mode has most of its energy back, and how much, after it had lost half of it."""
    share = series["mode_1"] / series["mode_1"][0]
    lost = np.flatnonzero(share < 0.5)
    if lost.size == 0:
        return {}
    back = lost[0] + int(np.argmax(share[lost[0] :]))
    time = float(series["time"][back])
    return {
        "recurrence_time": time,
        "recurrence_cycles": time / CYCLE,
        "recurrence_share": float(share[back]),
        "lowest_share": float(share.min()),
    }
