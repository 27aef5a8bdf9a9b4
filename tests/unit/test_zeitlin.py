"""Zeitlin's model: the basis, the bracket against the Jacobian, what the isospectral midpoint keeps."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from hpcphys.compiler import OperationError, State, compile_structure, verify_structure
from hpcphys.decomposition.communicator import Communicator
from hpcphys.kernels import backend
from hpcphys.physics.zeitlin import SineBracket, ZeitlinStructure, zeitlin

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from vorticity_peer import Modes, PlainAdvection

CPU, ALONE = backend("cpu", threads=1), Communicator.serial()


def bracket(n, angle="weyl", **options):
    return SineBracket(n, CPU, ALONE, angle=angle, **options)


def field(cutoff=6, slope=-1.0, seed=1):
    return Modes(cutoff).random(cutoff, slope, seed)


def system(n=33, angle="weyl", dt=0.05, composition="leapfrog", amplitudes=None, **options):
    """(model, program) of a random field of long waves."""
    model = bracket(n, angle)
    state = State({"vorticity": model.matrix_of(field() if amplitudes is None else amplitudes)})
    return model, compile_structure(zeitlin(state, model, **options), composition, dt=dt)


def basis(model, k_x, k_y):
    """T_k by its definition."""
    n, s, row = model.n, model.turns, np.arange(model.n)
    matrix = np.zeros((n, n), dtype=complex)
    matrix[row, (row + k_y) % n] = np.exp(1j * np.pi * s * k_x * (k_y + 2 * row) / n)
    return matrix


KINDS = [(9, "weyl"), (9, "zeitlin"), (12, "weyl")]


@pytest.mark.parametrize(("n", "angle"), KINDS)
def test_clock_and_shift_matrices_multiply_as_stated(n, angle):
    model = bracket(n, angle)
    rng = np.random.default_rng(1)
    for p, q in rng.integers(-3, 4, (10, 2, 2)):
        area = p[0] * q[1] - p[1] * q[0]
        found = basis(model, *p) @ basis(model, *q)
        expected = np.exp(-1j * np.pi * model.turns * area / n) * basis(model, *(p + q))
        np.testing.assert_allclose(found, expected, atol=1e-13)
        np.testing.assert_allclose(basis(model, *p).conj().T, basis(model, *-p), atol=1e-13)


@pytest.mark.parametrize(("n", "angle"), KINDS)
def test_the_matrix_is_the_sum_over_the_basis_and_comes_back(n, angle):
    model = bracket(n, angle)
    cutoff = model.cutoff
    given = field(cutoff, slope=0.0)
    wave_y = np.r_[0 : cutoff + 1, -cutoff:0]
    expected = sum(
        amplitude * basis(model, k_x, k_y) + (k_x > 0) * np.conj(amplitude) * basis(model, -k_x, -k_y)
        for k_x, row in enumerate(given)
        for k_y, amplitude in zip(wave_y, row, strict=True)
    )
    matrix = model.matrix_of(given)
    np.testing.assert_allclose(matrix, expected, atol=1e-13)
    assert np.array_equal(matrix, matrix.conj().T)
    np.testing.assert_allclose(model.amplitudes_of(matrix), given, atol=1e-15)
    low = given[:3][:, np.r_[0:3, -2:0]]
    np.testing.assert_allclose(model.amplitudes_of(matrix, cutoff=2), low, atol=1e-15)
    np.testing.assert_allclose(model.amplitudes_of(model.matrix_of(low), cutoff=2), low, atol=1e-15)


@pytest.mark.parametrize(("n", "angle"), KINDS)
def test_energy_and_casimirs_are_those_of_the_matrix(n, angle):
    model = bracket(n, angle, length=3.0)
    modes = Modes(model.cutoff, length=3.0)
    given = modes.random(model.cutoff, 0.0)
    matrix = model.matrix_of(given)
    assert model.energy(matrix) == pytest.approx(modes.energy(given), rel=1e-13)
    eigenvalues = np.linalg.eigvalsh(matrix)
    for power, value in model.casimirs(matrix).items():
        assert value == pytest.approx(9.0 / n * np.sum(eigenvalues**power), rel=1e-12, abs=1e-12)
    assert model.casimirs(matrix)[2] == pytest.approx(2 * modes.enstrophy(given), rel=1e-13)


def tendency_error(n, angle):
    """Relative difference of the model's motion from the Jacobian's for waves |k| <= 6."""
    given, wide = field(6, slope=0.0, seed=5), Modes(12)
    plane = np.zeros((13, 25), dtype=complex)
    plane[:7, np.r_[0:7, -6:0]] = given
    exact = PlainAdvection(wide).tendency(plane)
    model = bracket(n, angle)
    found = model.amplitudes_of(model.tendency(model.matrix_of(given)), cutoff=12)
    weight = np.sqrt(wide.weight)
    return np.linalg.norm(weight * (found - exact)) / np.linalg.norm(weight * exact)


def test_the_sine_bracket_converges_to_the_jacobian():
    """36, 12.5, 3.5 and 0.9 % at N = 33, 65, 129, 257, of order two; Weyl's angle a quarter of it."""
    sizes = (33, 65, 129, 257)
    errors = [tendency_error(n, "zeitlin") for n in sizes]
    np.testing.assert_allclose(errors, [0.36, 0.125, 0.035, 0.009], rtol=0.07)
    assert np.log(errors[2] / errors[3]) / np.log(257 / 129) == pytest.approx(2.0, abs=0.05)
    assert tendency_error(129, "weyl") == pytest.approx(errors[2] / 4, rel=0.05)
    assert tendency_error(128, "weyl") == pytest.approx(errors[2] / 4, rel=0.05)


@pytest.mark.parametrize(("n", "angle"), KINDS)
def test_the_bracket_is_a_lie_poisson_bracket_with_all_casimirs(n, angle):
    structure = ZeitlinStructure(bracket(n, angle))
    z = structure.covector({}, ["vorticity"], np.random.default_rng(3))
    found = verify_structure(structure, z, tolerance=1e-9)
    assert set(found) == {"antisymmetry", "jacobi", *(f"casimir tr W^{m}" for m in range(2, 7))}
    assert not structure.approximate


def test_jacobis_identity_holds_to_round_off():
    model = bracket(21)
    structure = ZeitlinStructure(model)
    rng = np.random.default_rng(5)
    a, b, c = (structure.covector({}, ["w"], rng)["w"] for _ in range(3))

    def twisted(x, y):
        return 1j * model.commutator(x, y)

    terms = [twisted(a, twisted(b, c)), twisted(b, twisted(c, a)), twisted(c, twisted(a, b))]
    assert np.abs(sum(terms)).max() < 1e-14 * np.abs(terms[0]).max() * 21


def test_the_gradient_of_the_energy_moves_the_matrix():
    model = bracket(16)
    matrix = model.matrix_of(field(5))
    found = ZeitlinStructure(model).bracket({"vorticity": matrix}, {"vorticity": model.stream_matrix(matrix)})
    np.testing.assert_allclose(found["vorticity"], model.tendency(matrix), atol=1e-14)
    shift = ZeitlinStructure(model).covector({}, ["vorticity"], np.random.default_rng(1))["vorticity"]
    change = model.energy(matrix + 1e-6 * shift) - model.energy(matrix - 1e-6 * shift)
    slope = model.area_per_state * np.vdot(model.stream_matrix(matrix), shift).real
    assert change / 2e-6 == pytest.approx(slope, rel=1e-7)


@pytest.mark.parametrize(("n", "angle"), [(33, "zeitlin"), (40, "weyl")])
def test_the_midpoint_keeps_the_spectrum(n, angle):
    model, program = system(n, angle)
    before = np.linalg.eigvalsh(program.state["vorticity"])
    program.run(40)
    after = program.state["vorticity"]
    assert np.array_equal(after, after.conj().T)
    np.testing.assert_allclose(np.linalg.eigvalsh(after), before, atol=1e-14 * np.abs(before).max())
    assert np.linalg.norm(model.amplitudes_of(after, 6) - field()) > 0.3  # it has moved


@pytest.mark.parametrize("n", [12, 131])
def test_half_of_a_hermitian_product(n):
    rows = bracket(n).matrices
    a, b = ZeitlinStructure(bracket(n)).covector({}, ["a", "b"], np.random.default_rng(1)).values()
    half = rows.hermitian_half(a @ b, a, np.zeros_like(a))
    np.testing.assert_allclose(half + half.conj().T, a @ b @ a, atol=1e-11)
    assert (half[0, -1] == 0) == (n > 128)  # blocks above the diagonal are left out


def drifts(model, before, after):
    """Relative changes of Casimirs; odd ones, which may vanish, to the geometric mean of their neighbours."""
    scale = {m: before[m] if m % 2 == 0 else np.sqrt(before[m - 1] * before[m + 1]) for m in before}
    return [abs(after[m] - before[m]) / scale[m] for m in before]


def test_casimirs_stay_and_the_energy_error_is_of_order_two():
    errors = []
    for dt in (0.1, 0.05, 0.025):
        model, program = system(33, "zeitlin", dt)
        start = program.state["vorticity"].copy()
        energy, casimirs = model.energy(start), model.casimirs(start)
        largest = 0.0
        for _ in range(round(2 / dt)):
            program.step()
            largest = max(largest, abs(model.energy(program.state["vorticity"]) / energy - 1))
        errors.append(largest)
        assert max(drifts(model, casimirs, model.casimirs(program.state["vorticity"]))) < 2e-14
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2.0, abs=0.15)
    assert np.log2(errors[1] / errors[2]) == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize(
    ("composition", "order", "steps"), [("leapfrog", 2, (20, 40, 320)), ("suzuki4", 4, (20, 40, 160))]
)
def test_orders_of_the_midpoint_and_of_its_compositions(composition, order, steps):
    ends = []
    for count in steps:
        _, program = system(17, dt=1.0 / count, composition=composition, amplitudes=field(4))
        program.run(count)
        ends.append(program.state["vorticity"])
    coarse, fine = (np.linalg.norm(end - ends[2]) for end in ends[:2])
    assert np.log2(coarse / fine) == pytest.approx(order, abs=0.25)


@pytest.mark.parametrize("composition", ["leapfrog", "yoshida4"])
def test_time_reverses(composition):
    _, program = system(24, composition=composition)
    start = program.state["vorticity"].copy()
    program.run(10)
    assert np.linalg.norm(program.state["vorticity"] - start) > 0.1 * np.linalg.norm(start)
    program.reverse()
    program.run(10)
    np.testing.assert_allclose(program.state["vorticity"], -start, atol=1e-12)


def test_extrapolated_starts_save_iterations_and_change_nothing_else():
    ends, iterations = [], []
    for options in ({"remembered": 0}, {"remembered": 4}, {"remembered": 4, "window": 2}):
        _, program = system(32, dt=0.02, **options)
        program.run(20)
        ends.append(program.state["vorticity"])
        iterations.append(program.system.pieces[0].flow.__self__.iterations)
    assert iterations[1] < 0.9 * iterations[0]
    np.testing.assert_allclose(ends[1], ends[0], atol=1e-12)
    np.testing.assert_allclose(ends[2], ends[0], atol=1e-12)


def test_a_restored_state_goes_on_bit_for_bit():
    model, program = system(24)
    program.run(6)
    saved = State(
        {name: program.state[name].copy() for name in program.state},
        program.state.time,
        program.state.step,
        program.state.scalars,
    )
    program.run(5)
    resumed = compile_structure(zeitlin(saved, model), "leapfrog", dt=0.05)
    resumed.run(5)
    assert np.array_equal(resumed.state["vorticity"], program.state["vorticity"])


def test_single_precision_runs_in_single_precision():
    model = bracket(32, precision="single")
    state = State({"vorticity": model.matrix_of(field())})
    program = compile_structure(zeitlin(state, model), "leapfrog", dt=0.05)
    before = model.casimirs(state["vorticity"])
    program.run(20)
    assert state["vorticity"].dtype == np.complex64
    assert 1e-9 < max(drifts(model, before, model.casimirs(state["vorticity"]))) < 1e-5


def test_a_step_that_is_too_long_is_an_error_that_names_step_and_residual():
    _, program = system(33, dt=2.0)
    with pytest.raises(
        OperationError, match=r"step 1, dt = 2: no convergence: after \d+ .* residual is .*smaller"
    ):
        program.step()


def test_explain_names_structure_casimirs_and_order():
    _, program = system(17, composition="yoshida4")
    text = program.explain()
    assert "Casimirs: tr W^2, tr W^3, tr W^4, tr W^5, tr W^6" in text
    assert "yoshida4: order 4, symmetric" in text
    assert "isospectral" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 2}, "size 3 at least"),
        ({"n": 16, "angle": "zeitlin"}, "needs an odd N; take 17"),
        ({"n": 17, "angle": "moyal"}, "allowed: weyl, zeitlin"),
        ({"n": 17, "length": 0.0}, "must be positive"),
        ({"n": 17, "precision": "half"}, '"double", "single"'),
    ],
)
def test_a_bracket_that_cannot_be_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        bracket(**arguments)


def test_states_that_do_not_fit_are_refused():
    model = bracket(16)
    good = model.matrix_of(field(5))
    with pytest.raises(ValueError, match="K at most 7"):
        model.matrix_of(field(8))
    with pytest.raises(ValueError, match=r"hold 0 to 7"):
        model.amplitudes_of(good, cutoff=8)
    for wrong, message in (
        (good[:, :15], r"rank 0 of 1 needs \(16, 16\) complex128"),
        (good.astype(np.complex64), "complex128"),
        (good * 1j, "not Hermitian"),
        (good * np.nan, "not finite"),
    ):
        with pytest.raises(ValueError, match=message):
            zeitlin(State({"vorticity": wrong}), model)
