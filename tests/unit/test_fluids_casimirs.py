"""The figure that compares drifts of Casimirs."""

from __future__ import annotations

import numpy as np
import pytest

from hpcphys.report.fluids_casimirs import casimir_drifts, casimirs_figure

TIME = np.linspace(0.0, 1.0, 5)


def series(slope):
    """Moments 2 … 6 that grow by `slope` a unit of time; the odd ones begin at zero."""
    values = {f"casimir_{m}": (0.0 if m % 2 else float(m)) + slope * TIME for m in range(2, 7)}
    return {"time": TIME, "energy": 2.0 + slope * TIME, **values}


def test_drifts_are_relative_and_odd_moments_may_vanish():
    found = casimir_drifts(series(0.1))
    assert list(found) == ["energy", *(f"casimir_{m}" for m in range(2, 7))]
    assert found["energy"][-1] == pytest.approx(0.05)
    assert found["casimir_4"][-1] == pytest.approx(0.025)
    assert found["casimir_3"][-1] == pytest.approx(0.1 / np.sqrt(8.0))


def test_one_panel_for_each_quantity_and_one_line_for_each_run():
    figure = casimirs_figure({"Zeitlin": series(0.0), "RK4": series(0.2)})
    assert [panel.get_title(loc="left") for panel in figure.axes][:2] == ["energy", r"$\int\omega^2$"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["Zeitlin", "RK4"]
    for panel in figure.axes:
        still, moving = (line.get_ydata() for line in panel.lines[:2])
        assert still.max() == 1e-17
        assert moving[-1] > 0.01


def test_a_run_without_time_is_refused():
    with pytest.raises(ValueError, match="needs runs with a series 'time'; found none"):
        casimirs_figure({})
