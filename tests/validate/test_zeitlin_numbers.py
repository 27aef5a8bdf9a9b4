"""What Zeitlin's model and the conserving midpoint keep over 10^4 steps, printed with -s."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from hpcphys.compiler import State, compile_structure
from hpcphys.decomposition.communicator import Communicator
from hpcphys.kernels import backend
from hpcphys.physics.vorticity.conserving import conserving
from hpcphys.physics.zeitlin import SineBracket, zeitlin

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from vorticity_peer import Modes, PlainAdvection

pytestmark = [pytest.mark.validate, pytest.mark.timeout(3600)]

CPU, ALONE = backend("cpu"), Communicator.serial()
STEPS, BETWEEN = 10_000, 100


def relative(before, after):
    """Changes of Casimirs; odd ones, which may vanish, to the geometric mean of their neighbours."""
    scale = {m: before[m] if m % 2 == 0 else np.sqrt(before[m - 1] * before[m + 1]) for m in before}
    return np.array([abs(after[m] - before[m]) / scale[m] for m in before])


@pytest.mark.parametrize(
    ("n", "angle", "dt"), [(33, "zeitlin", 0.05), (33, "weyl", 0.05), (96, "weyl", 0.02)]
)
def test_casimirs_over_ten_thousand_steps(n, angle, dt):
    model = SineBracket(n, CPU, ALONE, angle=angle)
    state = State({"vorticity": model.matrix_of(Modes(6).random(6))})
    program = compile_structure(zeitlin(state, model), "leapfrog", dt=dt)
    casimirs, energy = model.casimirs(state["vorticity"]), model.energy(state["vorticity"])
    eigenvalues = np.linalg.eigvalsh(state["vorticity"])
    worst, energies = np.zeros(5), []
    for _ in range(STEPS // BETWEEN):
        program.run(BETWEEN)
        worst = np.maximum(worst, relative(casimirs, model.casimirs(state["vorticity"])))
        energies.append(model.energy(state["vorticity"]) / energy - 1)
    moved = np.abs(np.linalg.eigvalsh(state["vorticity"]) - eigenvalues).max() / np.abs(eigenvalues).max()
    early, late = (np.abs(part).max() for part in np.array_split(np.array(energies), 2))
    iterations = program.system.pieces[0].flow.__self__.iterations / STEPS
    print(
        f"\nN = {n} {angle}, dt = {dt}, {iterations:.1f} iterations: Casimirs 2…6 {worst}, "
        f"eigenvalues {moved:.1e}, |dE/E| {early:.2e} in the first half, {late:.2e} in the second"
    )
    assert worst.max() < 1e-13
    assert moved < 1e-13
    assert late < 2 * early


def test_the_energy_error_over_dt():
    """2.3e-3, 6.1e-4, 1.6e-4 at dt 0.1, 0.05, 0.025 up to t = 4; the first sets the amplitude of 1.65."""
    errors = []
    for dt in (0.1, 0.05, 0.025):
        model = SineBracket(33, CPU, ALONE, angle="zeitlin")
        state = State({"vorticity": model.matrix_of(1.65 * Modes(6).random(6))})
        program = compile_structure(zeitlin(state, model), "leapfrog", dt=dt)
        energy, largest = model.energy(state["vorticity"]), 0.0
        for _ in range(round(4 / dt)):
            program.step()
            largest = max(largest, abs(model.energy(state["vorticity"]) / energy - 1))
        errors.append(largest)
    print(f"\n|dE/E| at dt 0.1, 0.05, 0.025: {errors}")
    np.testing.assert_allclose(errors, [2.3e-3, 6.1e-4, 1.6e-4], rtol=0.15)
    assert np.log2(errors[1] / errors[2]) == pytest.approx(2.0, abs=0.2)


def test_energy_and_enstrophy_over_ten_thousand_steps():
    modes = Modes(21)
    state = State({"vorticity": modes.random(8)})
    program = compile_structure(
        conserving(state, PlainAdvection(modes), modes, CPU, ALONE), "leapfrog", dt=0.01
    )
    energy, enstrophy = modes.energy(state["vorticity"]), modes.enstrophy(state["vorticity"])
    worst = np.zeros(2)
    for _ in range(STEPS // BETWEEN):
        program.run(BETWEEN)
        now = state["vorticity"]
        change = [abs(modes.energy(now) / energy - 1), abs(modes.enstrophy(now) / enstrophy - 1)]
        worst = np.maximum(worst, change)
    iterations = program.system.pieces[0].flow.__self__.iterations / STEPS
    print(f"\nconserving midpoint, K = 21, dt = 0.01, {iterations:.1f} iterations: dE/E, dZ/Z {worst}")
    assert worst.max() < 1e-12
