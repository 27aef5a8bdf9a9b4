"""Figures of liquids show what they were given, for short runs and missing errors too."""

from __future__ import annotations

import numpy as np
import pytest

from hpcphys.physics.observables import BlockAverage
from hpcphys.physics.observables.displacement import Displacement
from hpcphys.physics.observables.radial import PairDistribution
from hpcphys.physics.observables.segments import Measured
from hpcphys.physics.observables.structure import Structure
from hpcphys.physics.observables.velocity import Correlation
from hpcphys.physics.observables.viscosity import StressCorrelation
from hpcphys.report.liquids import (
    block_figure,
    displacement_figure,
    radial_figure,
    structure_figure,
    thermo_figure,
    velocity_figure,
    viscosity_figure,
)
from hpcphys.report.liquids.transport import with_error

X = np.linspace(0.0, 4.0, 41)
UNKNOWN = np.full(41, np.inf)


def drawn(figure):
    """All lines of all panels, after the figure was drawn."""
    figure.canvas.draw()
    return [line for axes in figure.axes for line in axes.get_lines()]


def test_distribution_with_published_points():
    curve = PairDistribution(X, np.exp(-X) + 1.0, 0.1 * X, X, X**3)
    lines = drawn(
        radial_figure({"A": curve, "B": curve}, reference=("published", X[:3], X[:3]), coordination=True)
    )
    assert sum(np.array_equal(line.get_ydata(), curve.value) for line in lines) == 2
    assert any(np.array_equal(line.get_ydata(), X[:3]) for line in lines)
    lines = drawn(structure_figure({"S": Structure(X, X - 1.0, UNKNOWN, X)}))
    assert any(np.array_equal(line.get_ydata(), X - 1.0) for line in lines)


def test_transport():
    moved = Displacement(X, 6.0 * 0.3 * X, UNKNOWN, X, X)
    found = Measured(np.array(0.3), np.array(0.01), np.array(0.01), 16)
    lines = drawn(displacement_figure(moved, window=(1.0, 3.0), diffusion=found))
    assert any(np.allclose(line.get_ydata(), 0.3) and len(line.get_ydata()) == 40 for line in lines)
    decay = Correlation(X, 2.0 * np.exp(-X), 0.1 * X, np.exp(-X), 1.0 - np.exp(-X), UNKNOWN)
    lines = drawn(velocity_figure(decay, last=2.0))
    assert any(np.allclose(line.get_ydata()[:1], 1.0) and len(line.get_ydata()) == 41 for line in lines)
    stress = StressCorrelation(X, 3.0 * np.exp(-X), UNKNOWN, 1.0 - np.exp(-X), UNKNOWN)
    figure = viscosity_figure(stress, last=2.0)
    drawn(figure)
    assert figure.axes[1].get_title(loc="right") == rf"$\eta$ = {1 - np.exp(-2.0):.4g}"


def test_series_and_blocks():
    rng = np.random.default_rng(0)
    average = BlockAverage(("temperature", "pressure"))
    series = {name: rng.normal(1.0, 0.1, 200) for name in average.names} | {"time": np.arange(200.0)}
    for k in range(200):
        average.add([series[name][k] for name in average.names])
    figure = thermo_figure(series, average.names, estimates=average.estimates(), begin=20.0)
    assert len(figure.axes) == 2
    assert any(np.array_equal(line.get_ydata(), series["pressure"]) for line in drawn(figure))
    figure = block_figure(average, average.names)
    drawn(figure)
    assert figure.axes[0].get_xscale() == "log"


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [(0.0331234, 0.00123, "0.0331 ± 0.0012"), (-5.4, np.inf, "−5.4"), (123.4, 25.0, "123 ± 25")],
)
def test_numbers_with_errors(value, error, text):
    assert with_error(value, error) == text
