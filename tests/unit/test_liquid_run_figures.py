"""Figures of a liquid's run from what its folder holds."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from hpcphys.io.rows import DataFileError
from hpcphys.report.liquids import plot_liquid, ramp_figure


def test_a_ramp_has_a_colour_for_each_leg():
    time = np.linspace(0.0, 30.0, 31)
    series = {
        "time": time,
        "temperature": 1.0 + 0.1 * time,
        "volume": 100.0 + time,
        "potential_energy": -time,
    }
    figure = ramp_figure(series, [[0.0, 1.0], [10.0, 2.0], [30.0, 0.5]], atoms=10)
    volume, energy = figure.axes
    assert [len(line.get_xdata()) for line in volume.lines] == [10, 21]
    assert volume.lines[1].get_ydata()[0] == pytest.approx(11.0)
    assert energy.lines[0].get_ydata()[-1] == pytest.approx(-0.9)
    labels = [text.get_text() for text in volume.get_legend().get_texts()]
    assert labels == ["heated from 1 to 2", "cooled from 2 to 0.5"]


def filled(folder: Path) -> None:
    """A folder with a few rows and curves of two types, in nanometres."""
    rows = np.arange(5.0)
    names = (
        "time",
        "temperature",
        "potential_energy",
        "total_energy",
        "pressure",
        "conserved_error",
        "volume",
    )
    with h5py.File(folder / "diagnostics.h5", "w") as file:
        file["step"] = np.arange(5)
        for name in names:
            file[name] = 1.0 + rows
    r = np.linspace(0.1, 2.0, 20)
    with h5py.File(folder / "observables.h5", "w") as file:
        file.attrs.update({"length": "nm", "time": "ps", "energy": "kJ/mol"})
        for a, b in ((0, 0), (0, 1), (1, 1)):
            for name in ("radius", "value", "error", "coordination"):
                file[f"rdf_{a}_{b}/{name}"] = r
        for name in ("wavenumber", "value", "error"):
            file[f"structure_factor/{name}"] = r
        file["structure_factor/vectors"] = np.where(r < 1.0, 0, 4)
    (folder / "job.used.toml").write_text('[types]\nmasses = [1.0, 2.0]\nnames = ["A", "B"]\n')


def test_what_is_there_is_drawn(tmp_path):
    filled(tmp_path)
    assert [path.stem for path in plot_liquid(tmp_path)] == ["thermo", "rdf", "structure_factor"]


def test_an_empty_folder_is_no_run(tmp_path):
    with pytest.raises(DataFileError, match=r"holds no diagnostics\.h5"):
        plot_liquid(tmp_path)
