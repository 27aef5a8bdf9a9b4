"""Loading of plasmas: distributions, layouts, and the same particles whatever the parts."""

from __future__ import annotations

import numpy as np
import pytest

from hpcphys.initial.plasma import Box, Draws, Loading, LoadingError, loaded, maxwell_juttner, radical_inverse
from hpcphys.initial.plasma.places import lattice


def constant(value: float):
    return lambda *x: np.full(np.shape(x[0]), value)


def box(start=(0, 0), count=(8, 6), periodic=(True, True)) -> Box:
    return Box((8, 6), (-1.0, 0.0), (0.25, 0.5), periodic, start, count)


def wavy(**changes) -> Loading:
    given = {
        "per_cell": 12,
        "density": lambda x, y: 1.0 + 0.5 * np.cos(np.pi * x),
        "drift": (constant(0.3), lambda x, y: 0.1 * x, constant(0.0)),
        "thermal": (constant(0.1), constant(0.2), constant(0.0)),
        "displacement": (lambda x, y: 0.4 * np.sin(np.pi * x), constant(0.0)),
        "seed": 7,
        "species": 2,
    }
    return Loading(**{**given, **changes})


def rows(loading: Loading, part: Box) -> dict[str, np.ndarray]:
    parts = list(loaded(loading, part, reach=3))
    return {name: np.concatenate([getattr(p, name) for p in parts]) for name in
            ("position", "momentum", "weight", "id")}  # fmt: skip


@pytest.mark.parametrize("layout", ["random", "gridded", "quiet"])
def test_parts_make_the_plasma_of_one(layout: str) -> None:
    loading = wavy(layout=layout)
    whole = rows(loading, box())
    parts = [rows(loading, box((x, y), (n, m))) for x, n in ((0, 3), (3, 5)) for y, m in ((0, 1), (1, 5))]
    assert len(whole["id"]) == 8 * 6 * 12 == len(np.unique(whole["id"]))
    together = {name: np.concatenate([part[name] for part in parts]) for name in whole}
    first, second = np.argsort(whole["id"]), np.argsort(together["id"])
    for name in whole:
        assert np.array_equal(whole[name][first], together[name][second]), name


def test_weights_sum_to_the_density_and_displacements_bunch() -> None:
    found = rows(wavy(layout="gridded"), box())
    assert found["weight"].sum() == pytest.approx(2.0 * 3.0)
    # n(x) of x + ξ(x) with ξ = 0.4 sin(πx): particles leave x = 0 and gather at x = ±1.
    assert np.cos(np.pi * found["position"][:, 0]).mean() < -0.3
    assert np.all((found["position"] >= [-1.0, 0.0]) & (found["position"] < [1.0, 3.0]))


def test_random_and_quiet_maxwellians() -> None:
    plain = wavy(displacement=(), density=constant(2.0), per_cell=400, drift=(constant(0.3),) * 3)
    noisy, quiet = rows(plain, box()), rows(wavy(**{**vars(plain), "layout": "quiet"}), box())
    for found, mean, width in ((noisy, 4e-3, 0.02), (quiet, 2e-4, 3e-3)):
        u = found["momentum"] - 0.3
        assert np.abs(u.mean(axis=0)).max() < mean
        assert u.std(axis=0)[:2] == pytest.approx([0.1, 0.2], rel=width)
        assert np.all(u[:, 2] == 0.0)
        assert abs(np.corrcoef(u[:, 0], u[:, 1])[0, 1]) < 0.03


@pytest.mark.parametrize("heat", [1e-3, 0.1, 1.0, 20.0])
def test_relativistic_temperature_and_drift(heat: float) -> None:
    from scipy.special import kve

    draws = Draws(3, 1, np.arange(200_000) // 100, np.arange(200_000) % 100)
    u = maxwell_juttner(heat, [0.0, 0.0, 0.0], draws, light_speed=2.0) / 2.0
    energy = np.sqrt(1.0 + np.sum(u**2, axis=1))
    exact = kve(1, 1 / heat) / kve(2, 1 / heat) + 3.0 * heat  # mean of γ
    assert energy.mean() - 1.0 == pytest.approx(exact - 1.0, rel=6e-3)
    drift = 1.5
    moved = maxwell_juttner(heat, [0.0, drift, 0.0], draws)
    moved_energy = np.sqrt(1.0 + np.sum(moved**2, axis=1))
    # The mean velocity is that of the frame, and density × γ² w = mean(u ε): enthalpy w = <γ> + T.
    assert (moved[:, 1] / moved_energy).mean() == pytest.approx(drift / np.hypot(1.0, drift), abs=3e-3)
    assert moved[:, 1].mean() == pytest.approx(drift * (exact + heat), rel=1e-2)
    assert abs(moved[:, 0].mean()) < 6e-3 * energy.mean()


def test_mirrored_particles_carry_no_current_across() -> None:
    found = rows(wavy(layout="quiet", mirrored=(1,), displacement=(), drift=(constant(0.0),) * 3), box())
    assert found["momentum"][:, 1].std() == pytest.approx(0.2, rel=0.1)
    streamed = found["position"] + 0.7 * found["momentum"][:, :2]
    wave = np.exp(1j * np.pi * streamed[:, 0])
    assert abs(np.sum(wave * found["weight"] * found["momentum"][:, 1])) < 1e-14
    assert len(np.unique(np.round(found["position"], 9), axis=0)) == 8 * 6 * 6


def test_bad_functions_are_named_with_their_place() -> None:
    with pytest.raises(LoadingError, match=r"density is -0\.\d+ at x = .*, y = .*negative"):
        rows(wavy(density=lambda x, y: np.cos(np.pi * x)), box())
    with pytest.raises(LoadingError, match="drift is nan at x = "):
        rows(wavy(drift=(constant(np.nan),) * 3), box())


def test_empty_regions_and_sides() -> None:
    half = rows(wavy(density=lambda x, y: np.where(x < 0.0, 1.0, 0.0), displacement=()), box())
    assert len(half["id"]) == 8 * 6 * 12 // 2
    out = rows(wavy(displacement=(constant(0.5), constant(0.0))), box(periodic=(False, True)))
    assert len(out["id"]) == 6 * 6 * 12


def test_sequences_and_lattices() -> None:
    assert radical_inverse([0, 1, 2, 3], 2, 3).tolist() == [0.125, 0.625, 0.375, 0.875]
    assert radical_inverse([5], 3, 8) == pytest.approx([2 / 3 + 1 / 9 + 1 / 18])
    assert [lattice(16, 2), lattice(8, 3), lattice(12, 2), lattice(7, 2)] == [
        (4, 4),
        (2, 2, 2),
        (4, 3),
        (7, 1),
    ]
