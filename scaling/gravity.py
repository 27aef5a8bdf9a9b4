"""How fast and how exact gravity is on this machine: every figure in one command.

python scaling/gravity.py [--particles N ...] [--repeats K] [--python INTERPRETER] [--quick]

Rates are particles per second of process CPU time on one core; a force evaluation is exchange, tree and
walk; errors are those of 1000 random particles against direct sums in double precision with the same
softening kernel; the machine's own limits are measured in the same run.
--quick: 20,000 particles, two repetitions.   --python: see scaling/compare.py.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scaling.compare import compare
from scaling.distributions import UNSEEN, Arrays, plummer, plummer_unequal
from scaling.error_curve import Curve
from scaling.exact_field import ExactSample
from scaling.force import Evaluation, direct_evaluation, evaluation, sample_of
from scaling.limits import Limits, machine, measured_limits
from scaling.printed import Table
from scaling.published import PEERS, PUBLISHED_MACHINE
from scaling.timing import alone
from scaling.verdict import Verdict

NORMAL, TIGHT = 0.01, 0.002
SETTINGS = {"normal": NORMAL, "tight": TIGHT}
TARGETS = {"normal": (5e-4, 5e-3, 1.8e6), "tight": (math.inf, 1e-3, 1.2e6)}
"""Limits of the error (median, 99 %) and the particles/s/core wanted at them."""
DIRECT_COUNT = 100_000
PEERS_COUNT = 100_000
EVALUATION_COLUMNS = (
    "N", "CPU s", "wall s", "1e6/s", "median", "99 %", "potential", "pairs", "cells", "distant", "time/floor",
)  # fmt: skip


def row(
    found: Evaluation,
    limits: Limits,
    potential: bool = False,
    precision: str = "mixed",
    kernel: str = "plummer",
):
    """Cells of one evaluation, as EVALUATION_COLUMNS has them."""
    floor = found.pairs / limits.pair_rate(potential, precision, kernel)
    floor += found.cells / limits.cell_rate(potential, precision)
    return (
        found.count, found.timing.cpu, found.timing.wall, found.rate / 1e6,
        found.errors.median, found.errors.worst, found.errors.potential,
        found.pairs, found.cells, found.distant, found.timing.cpu / (floor * found.count),
    )  # fmt: skip


def plummer_tables(
    count: int, arrays: Arrays, sample: ExactSample, limits: Limits, repeats: int
) -> dict[str, Evaluation]:
    """The reference's sphere at the frozen settings, and everything that generality adds to it."""
    table = Table(
        f"One force evaluation, Plummer sphere, N = {count} (floor: pairs and cells in the bare loops)",
        "setting", *EVALUATION_COLUMNS,
    )  # fmt: skip
    found = {}
    for name, tolerance in SETTINGS.items():
        found[name] = evaluation(arrays, sample, repeats, tolerance=tolerance)
        table.add(f"{name}, tolerance {tolerance:g}", *row(found[name], limits))
    unequal = plummer_unequal(count)
    unequal_sample = sample_of(unequal)
    spline_sample = sample_of(arrays, "spline")
    for name, tolerance in SETTINGS.items():
        again = evaluation(unequal, unequal_sample, repeats, tolerance=tolerance)
        table.add(f"{name}, masses over a factor 1000", *row(again, limits))
        again = evaluation(arrays, sample, repeats, tolerance=tolerance, potential=True)
        table.add(f"{name}, with potentials", *row(again, limits, potential=True))
    variants = {"rows in random order": {"shuffled": True}, "geometric, θ = 0.6": {"criterion": "geometric"}}
    for name, options in variants.items():
        table.add(
            f"normal, {name}", *row(evaluation(arrays, sample, repeats, tolerance=NORMAL, **options), limits)
        )
    again = evaluation(arrays, spline_sample, repeats, tolerance=NORMAL, softening_kernel="spline")
    table.add("normal, spline softening", *row(again, limits, kernel="spline"))
    again = evaluation(arrays, sample, repeats, tolerance=NORMAL, precision="double")
    table.add("normal, double precision", *row(again, limits, precision="double"))
    table.show()
    return found


def error_tables(
    count: int, arrays: Arrays, sample: ExactSample, limits: Limits, repeats: int, verdict: Verdict
) -> Curve:
    """Rate against tolerance, and the rates at the wanted errors."""
    curve = Curve.of(arrays, sample, repeats)
    table = Table(f"Rate and error against tolerance, Plummer, N = {count}", "setting", *EVALUATION_COLUMNS)
    for tolerance, found in zip(curve.tolerances, curve.found, strict=True):
        table.add(f"tolerance {tolerance:g}", *row(found, limits))
    for median, worst, wanted in TARGETS.values():
        name = f"99 % {worst:.0e}" if math.isinf(median) else f"median {median:.0e}, 99 % {worst:.0e}"
        met = curve.measured_for(arrays, sample, repeats, median, worst)
        label = f"Plummer, N = {count}: 1e6 particles/s/core at {name}"
        verdict.at_least(label, None if met is None else met[1].rate / 1e6, wanted / 1e6)
        if met is not None:
            table.add(f"{name}: tolerance {met[0]:.3g}", *row(met[1], limits))
    table.show()
    return curve


def unseen_table(
    count: int, reference: dict[str, Evaluation], limits: Limits, repeats: int, verdict: Verdict
) -> None:
    """Distributions that were never tuned for, at the same settings, against the Plummer sphere."""
    table = Table(
        f"Settings frozen, other distributions, N = {count}",
        "distribution", *EVALUATION_COLUMNS, "Plummer/this rate", "99 %/Plummer",
    )  # fmt: skip
    for name, make in UNSEEN.items():
        arrays = make(count)
        sample = sample_of(arrays)
        for setting, tolerance in SETTINGS.items():
            found, plain = evaluation(arrays, sample, repeats, tolerance=tolerance), reference[setting]
            slower = plain.rate / found.rate
            table.add(
                f"{name}, {setting}", *row(found, limits), slower, found.errors.worst / plain.errors.worst
            )
            median, worst, _ = TARGETS[setting]
            worse = max(found.errors.median / median, found.errors.worst / worst)
            verdict.at_most(f"{name}, {setting}, N = {count}: slower than Plummer by", slower, 1.5)
            verdict.at_most(f"{name}, {setting}, N = {count}: error over its limit", worse, 1.5)
    table.show()


def direct_table(count: int, limits: Limits, repeats: int, verdict: Verdict) -> None:
    """Direct sums as a fraction of the bare loop."""
    arrays = plummer(count)
    sample = sample_of(arrays)
    table = Table(
        f"Direct sums over all pairs, N = {count}, one core",
        "precision", "CPU s", "wall s", "1e9 pairs/s", "median", "99 %", "of the bare loop", "of that with φ",
    )  # fmt: skip
    bare = limits.pair_rate()
    for precision in ("mixed", "double"):
        for potential in (False, True):
            found = direct_evaluation(arrays, sample, repeats, precision=precision, potential=potential)
            rate = found.pairs * count / found.timing.cpu
            alike, full = limits.pair_rate(False, precision), limits.pair_rate(True, precision)
            table.add(
                precision + (" + potential" if potential else ""),
                found.timing.cpu, found.timing.wall, rate / 1e9,
                found.errors.median, found.errors.worst, rate / alike, rate / full,
            )  # fmt: skip
            if precision == "mixed":
                what = "with energies, over the bare loop without" if potential else "over the bare loop"
                verdict.at_least(
                    f"direct sum, N = {count}: pair rate {what}", rate / bare, 0.7 if potential else 0.8
                )
    table.show()


def published_table(curves: dict[int, Curve], verdict: Verdict) -> None:
    """Published rates of other codes against this program's rate at the same errors, in this run."""
    table = Table(
        f"Published rates ({PUBLISHED_MACHINE}) against this run at equal error",
        "code", "N", "its 1e6/s", "median", "99 %", "ours at N", "ours 1e6/s", "ratio",
    )  # fmt: skip
    for peer in PEERS:
        nearest = min(curves, key=lambda count: abs(count - peer.count))
        rate = curves[nearest].rate_for(peer.median, peer.worst)
        ratio = rate / peer.rate if rate else None
        table.add(
            peer.name,
            peer.count,
            peer.rate / 1e6,
            peer.median,
            peer.worst,
            nearest,
            rate and rate / 1e6,
            ratio,
        )
        if peer.wanted and nearest == peer.count:
            verdict.at_least(f"{peer.name}, N = {peer.count}: ratio at equal error", ratio, peer.wanted)
    table.show()


def main(arguments: list[str] | None = None) -> int:
    """Print all tables and what the figures come to."""
    parser = argparse.ArgumentParser(description="gravity's speed and exactness beside the machine's limits")
    parser.add_argument("--particles", type=int, nargs="+", default=[100_000, 1_000_000], metavar="N")
    parser.add_argument("--repeats", type=int, default=5, help="evaluations of which the best counts")
    parser.add_argument("--python", default=sys.executable, help="interpreter that has the peers")
    parser.add_argument("--quick", action="store_true", help="20,000 particles, two repetitions")
    given = parser.parse_args(arguments)
    counts = [min(20_000, given.particles[0])] if given.quick else given.particles
    repeats = min(2, given.repeats) if given.quick else given.repeats
    verdict = Verdict()
    print(f"{machine()}\n")
    with alone():
        limits = measured_limits(5, 1 << 22) if given.quick else measured_limits()
        limits.show()
        curves = {}
        for count in counts:
            arrays = plummer(count)
            sample = sample_of(arrays)
            reference = plummer_tables(count, arrays, sample, limits, repeats)
            curves[count] = error_tables(count, arrays, sample, limits, repeats, verdict)
            unseen_table(count, reference, limits, repeats, verdict)
        direct_table(min(DIRECT_COUNT, max(counts)), limits, min(2, repeats), verdict)
        published_table(curves, verdict)
        compare(min(PEERS_COUNT, max(counts)), min(2, repeats), given.python).show()
    verdict.show()
    return 0


if __name__ == "__main__":
    sys.exit(main())
