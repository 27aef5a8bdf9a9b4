"""Cells and halos: each pair on one rank, forces back to their owners, rows moved whole, work shared."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from hpcphys.compiler.state import State
from hpcphys.decomposition.cells import exchange
from hpcphys.decomposition.cells.box import Box
from hpcphys.decomposition.cells.halo import Halo
from hpcphys.decomposition.cells.layout import Cells
from hpcphys.decomposition.communicator import Communicator
from hpcphys.kernels import backend

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from short_range import (
    CASES,
    OBTUSE,
    STRAIGHT,
    TILTED,
    Case,
    attraction,
    brute_force,
    everything,
    forces,
    found_here,
    in_order,
    layout,
    share,
)

pytestmark = pytest.mark.mpi


@pytest.fixture(scope="module")
def ranks():
    return Communicator.start(abort_hook=False)


def joined(ranks, array):
    return np.concatenate(ranks.allgather(array))


def settled(case, ranks, **more):
    """A system on the ranks that own it: all rows (wrapped), layout, this rank's state and its halo."""
    cells = layout(case, ranks, **more)
    state = share(everything(case, cells.box), ranks)
    cells.exchange(state)
    rows = {name: joined(ranks, state[name]) for name in state.names()}
    return rows, cells, state, Halo(cells, state["position"])


def counted(ranks, rows, cells):
    """Pairs and forces by brute force, on one rank for all: there are more ranks than cores."""
    if ranks.rank > 0:
        return ranks.bcast(None)
    pairs = brute_force(rows, cells.box, cells.reach)
    return ranks.bcast((pairs, forces(rows, pairs, cells.box)))


@pytest.mark.parametrize("name", CASES)
def test_each_pair_is_on_one_rank_and_forces_reach_their_owners(ranks, name):
    check_pairs_and_forces(ranks, name)


def check_pairs_and_forces(ranks, name, **more):
    """One of the cases, on the ranks of any launch."""
    rows, cells, state, halo = settled(CASES[name], ranks, **more)
    expected, of_all = counted(ranks, rows, cells)
    pairs, (i, j) = found_here(cells, halo, state)
    assert in_order(joined(ranks, pairs)).tolist() == expected.tolist()
    assert len(expected) > 20 or CASES[name].count < 20
    copies = np.empty((halo.count, 3))
    halo.forward(state["position"], copies)
    x = np.concatenate((state["position"], copies))
    pull = attraction(x[j] + pairs[:, 2:] @ cells.box.vectors - x[i])
    order = np.argsort(rows["id"])
    wanted = of_all[order[np.searchsorted(rows["id"], state["id"], sorter=order)]]
    units = 2.0**40
    for kind, tolerance in ((np.float64, 1e-12), (np.float32, 1e-4), (np.int64, 1e-9)):
        fixed = kind is np.int64
        terms = (np.rint(pull * units) if fixed else pull).astype(kind)
        force = np.zeros((halo.home + halo.count, 3), kind)
        np.add.at(force, i, terms)
        np.add.at(force, j, -terms)
        mine, others = force[: halo.home].copy(), force[halo.home :].copy()
        halo.backward(others, mine)
        np.testing.assert_allclose(mine / units if fixed else mine, wanted, atol=tolerance, rtol=tolerance)
        assert not fixed or (joined(ranks, mine).sum(axis=0) == 0).all()


@pytest.mark.parametrize("vectors", [STRAIGHT, TILTED, OBTUSE], ids=["straight", "tilted", "obtuse"])
def test_partners_at_the_end_of_reach_are_found(ranks, vectors):
    """Partners as far away as can be, straight above faces, edges and corners of blocks."""
    box = Box(np.array(vectors))
    cells = Cells(box, ranks, reach=1.9)
    rng, below, above = np.random.default_rng(9), [], []
    for _ in range(60):
        block = [rng.integers(0, p) for p in cells.grid]
        axes = [d for d in range(3) if rng.random() < 0.6] or [0]
        lower, upper = (np.array([cells.borders[d][block[d] + k] for d in range(3)]) for k in (0, 1))
        s = lower + (upper - lower) * rng.random(3)
        s[axes] = upper[axes] - 1e-9
        away = rng.random(len(axes)) @ box.normals[axes]
        below.append(box.cartesian(s))
        above.append(below[-1] + away / np.linalg.norm(away) * cells.reach * (1 - 1e-7))
    state = share({"position": np.array(below + above), "id": rng.permutation(120)}, ranks)
    cells.exchange(state)
    rows = {name: joined(ranks, state[name]) for name in state.names()}
    expected, _ = counted(ranks, rows, cells)
    pairs, _ = found_here(cells, Halo(cells, state["position"]), state)
    assert in_order(joined(ranks, pairs)).tolist() == expected.tolist()
    assert len(expected) >= 60


@pytest.mark.parametrize("name", ["tilted", "thinner than reach"])
def test_another_backend_finds_the_same(ranks, name):
    """The kernels' CUDA branch, on the emulated device."""
    check_pairs_and_forces(ranks, name, backend=backend("emulated"))


# -- exchange --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["least surface", "open x", "tilted", "ranks without rows", "no rows"])
def test_rows_come_whole_to_the_blocks_they_lie_in(ranks, name):
    case = CASES[name]
    cells = layout(case, ranks)
    before = everything(case, cells.box)
    wandered = {**before, "position": before["position"] + [50.0, -80.0, 3.0]}
    state = share(wandered, ranks)
    arrived = cells.exchange(state)
    state.check_rows()
    s = cells.box.fractional(state["position"])
    lower, upper = cells.rank_box
    for d in range(3):
        if case.periodic[d]:
            assert ((s[:, d] >= lower[d] - 1e-12) & (s[:, d] < upper[d] + 1e-12)).all()
            assert ((s[:, d] >= 0) & (s[:, d] < 1)).all()
    rows = {name: joined(ranks, state[name]) for name in state.names()}
    old, new = np.argsort(before["id"]), np.argsort(rows["id"])
    for name in ("id", "type", "velocity"):
        assert (rows[name][new] == before[name][old]).all()
        assert rows[name].dtype == before[name].dtype
    unwrapped = [part["position"] + part["image"] @ cells.box.vectors for part in (wandered, rows)]
    np.testing.assert_allclose(unwrapped[1][new], unwrapped[0][old], atol=1e-9)
    assert ranks.allreduce(arrived) <= case.count
    # Whoever is at home stays where it is.
    held = {name: state[name].copy() for name in state.names()}
    assert cells.exchange(state) == 0
    assert all((state[name] == held[name]).all() for name in state.names())


def test_a_step_asks_only_neighbours(ranks):
    cells = Cells(Box(STRAIGHT), ranks, reach=1.0)
    state = share(everything(Case(count=400), cells.box), ranks)
    cells.exchange(state)
    near = set(cells.neighbours)
    assert ranks.rank not in near
    assert len(near) <= min(26, ranks.size - 1)
    state["position"] += 0.3 * cells.box.widths / np.maximum(cells.grid, 1) * (np.array(cells.grid) > 1)
    ranks.reset_counters()
    before, moved = len(state["id"]), cells.exchange(state)
    sent, messages = ranks.bytes_sent, ranks.messages_sent
    assert ranks.allreduce(moved) > 0 or ranks.size == 1
    row = sum(state[name][:1].nbytes for name in state.names()) if before else 0
    gone = before + moved - len(state["id"])
    collectives = 4 * 8 + 8 + 8  # loss check, what is worst, most rows: reductions count their own numbers
    if ranks.size > 1:
        assert sent <= gone * row + 8 * len(near) + collectives
        assert messages <= 2 * len(near) + 3 * (ranks.size - 1).bit_length()


def test_order_is_applied_to_all_arrays(ranks):
    cells = layout(CASES["tilted"], ranks)
    state = share(everything(CASES["tilted"], cells.box), ranks)
    cells.exchange(state, order=lambda state: np.argsort(state["id"]))
    assert (np.diff(state["id"]) > 0).all()
    assert (state["velocity"][:, 1] == 2 * state["id"]).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e30])
def test_rows_without_a_place_are_named(ranks, bad):
    cells = layout(CASES["least surface"], ranks)
    state = share(everything(CASES["least surface"], cells.box), ranks)
    name = -1
    if ranks.rank == ranks.size - 1:
        state["position"][2, 1] = bad
        name = int(state["id"][2])
    name = ranks.allreduce(name, "max")
    with pytest.raises(FloatingPointError, match=f"1 atoms lie at no place .* id {name} at"):
        cells.exchange(state)


def test_a_lost_row_is_named(ranks, monkeypatch):
    """Nothing in the program loses rows: a defect is put in."""
    cells = layout(CASES["least surface"], ranks)
    state = share(everything(CASES["least surface"], cells.box), ranks)
    whole = exchange._apply

    def careless(cells, state, moves, places):
        whole(cells, state, moves, places)
        if cells.communicator.rank == 0 and len(state["id"]):
            careless.lost = int(state["id"][-1])
            for name in state.names():
                state[name] = state[name][:-1].copy()

    monkeypatch.setattr(exchange, "_apply", careless)
    if ranks.size == 1:  # nothing moves, nothing can be lost
        assert cells.exchange(state) == 0
        return
    with pytest.raises(RuntimeError, match="began with 50 atoms and ended with 49") as told:
        cells.exchange(state)
    assert ranks.rank > 0 or f"ids {careless.lost};" in str(told.value)


# -- what is sent --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("vectors", [STRAIGHT, TILTED], ids=["straight", "tilted"])
def test_bytes_are_those_of_the_rounded_eighth_shell(ranks, vectors):
    cells = Cells(Box(np.array(vectors)), ranks, reach=1.2)
    state = share(everything(Case(count=6000), cells.box), ranks)
    cells.exchange(state)
    halo = Halo(cells, state["position"])
    copies = np.empty((halo.count, 3))
    ranks.reset_counters()
    halo.forward(state["position"], copies)
    assert (halo.bytes, halo.messages) == (ranks.bytes_sent, ranks.messages_sent)
    assert halo.bytes == 24 * halo.rows_sent
    halo.backward(np.zeros((halo.count, 3), np.float32), np.zeros((halo.home, 3), np.float32))
    assert halo.bytes == 24 * halo.rows_sent + 12 * halo.count
    assert halo.messages == ranks.messages_sent <= 2 * sum(p > 1 for p in cells.grid)
    sent, least = (ranks.allreduce(float(b)) for b in (halo.bytes, halo.minimum_bytes))
    # Each rank has some hundreds of copies: their number scatters by a few per cent.
    assert sent == pytest.approx(least, rel=0.04)


def test_transfers_that_do_not_fit_are_refused(ranks):
    _, _, state, halo = settled(CASES["two axes"], ranks)
    copies = np.empty((halo.count, 3))
    for rows, out in [
        (state["position"], copies.astype(np.float32)),
        (state["position"][1:], copies),
        (state["position"].astype(complex), copies.astype(complex)),
        (np.asfortranarray(state["position"]), copies),
    ]:
        with pytest.raises(ValueError, match="contiguous arrays of one type"):
            halo.forward(rows, out)
    with pytest.raises(ValueError, match="cannot be added"):
        halo.backward(np.zeros(halo.count, np.int32), np.zeros(halo.home, np.int32))
    with pytest.raises(RuntimeError, match="no transfer has been started"):
        halo.finish()
    halo.start_forward(state["position"], copies)
    with pytest.raises(RuntimeError, match="under way"):
        halo.start_forward(state["position"], copies)
    halo.finish()


def test_values_of_any_type_travel(ranks):
    _, _, state, halo = settled(CASES["two axes, tilted"], ranks)
    ids = np.empty(halo.count, np.int64)
    halo.forward(state["id"], ids)
    for kind in (np.float32, np.int32, np.uint8, np.float64):
        rows, out = (state["id"] % 100).astype(kind), np.zeros(halo.count, kind)
        halo.forward(rows, out)
        assert (out == ids % 100).all()
    wide = np.zeros((halo.count, 2, 2))
    halo.forward(np.ones((halo.home, 2, 2)) * state["id"][:, None, None], wide)
    assert (wide == ids[:, None, None]).all()


# -- balance -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("periodic", [True, False])
def test_planes_move_until_work_is_shared(ranks, periodic):
    """A density that rises along all axes, and work that rises along one."""
    box = Box(STRAIGHT, periodic=(True, periodic, True))
    cells = Cells(box, ranks, reach=1.0)
    case = Case(count=12000, place=np.sqrt if periodic else lambda s: 5 * s**2 - 3)
    if not periodic:
        case.place = lambda s: np.column_stack((np.sqrt(s[:, 0]), 5 * s[:, 1] ** 2 - 3, s[:, 2]))
    state = share(everything(case, box), ranks)
    cells.exchange(state)

    def work():
        return 1 + cells.box.fractional(state["position"])[:, 0]

    def imbalance(share):
        return ranks.allreduce(share, "max") * ranks.size / ranks.allreduce(share)

    for round_ in range(2):
        moved = cells.balanced(work(), state["position"])
        assert (moved is cells) == (round_ == 1 or ranks.size == 1)
        moved.exchange(state)
        cells = moved
    assert imbalance(float(work().sum())) < 1.05
    # A rank's time alone says as much as one number can.
    timed = Cells(box, ranks, reach=1.0)
    for _ in range(4):
        timed.exchange(state)
        seconds = float(work().sum())
        timed = timed.balanced(seconds, state["position"])
    timed.exchange(state)
    assert imbalance(float(work().sum())) < 1.1
    with pytest.raises(ValueError, match="one number of 0 or more"):
        cells.balanced(np.ones(1 + len(state["id"])), state["position"])


def test_planes_are_remembered(ranks):
    cells = layout(CASES["uneven"], ranks)
    scalars = {"cells.x.77": 0.1}
    cells.remember(scalars)
    again = Cells(cells.box, ranks, reach=cells.reach, grid=cells.grid).recalled(scalars)
    assert all((a == b).all() for a, b in zip(again.borders, cells.borders, strict=True))
    other = Cells(cells.box, ranks, reach=cells.reach, grid=cells.grid)
    del scalars["cells.y.0"]
    assert other.recalled(scalars) is other


# -- molecules -----------------------------------------------------------------------------------------------


def chains(box, number=16, length=5):
    """Stiff chains, longer than reach, whose atoms are numbered against their order, and single atoms."""
    rng = np.random.default_rng(8)
    first = box.cartesian(rng.random((number, 3)))
    steps = rng.normal(size=(number, 1, 3)) + 0.3 * rng.normal(size=(number, length, 3))
    unwrapped = first[:, None] + np.cumsum(0.8 * steps / np.linalg.norm(steps, axis=2)[..., None], axis=1)
    unwrapped = np.concatenate((unwrapped.reshape(-1, 3), box.cartesian(rng.random((9, 3)))))
    count = len(unwrapped)
    molecule = np.concatenate((np.repeat(np.arange(number), length), np.full(9, -1)))
    image = rng.integers(-3, 4, (count, 3)).astype(np.int32)
    position = unwrapped - image @ box.vectors
    identity = np.arange(count)[::-1] + 5
    return {"position": position, "image": image, "molecule": molecule, "id": identity}, unwrapped


@pytest.mark.parametrize("vectors", [STRAIGHT, TILTED], ids=["straight", "tilted along x"])
def test_molecules_stay_whole_and_meet_all_partners(ranks, vectors):
    box = Box(np.array(vectors))
    grid = (ranks.size, 1, 1) if vectors is TILTED else None
    cells = Cells(box, ranks, reach=1.5, molecules=True, grid=grid)
    rows, unwrapped = chains(box)
    state = share(rows, ranks)
    cells.exchange(state)
    for round_ in range(2):
        owners = joined(ranks, np.column_stack((state["molecule"], np.full(len(state["id"]), ranks.rank))))
        owners = np.unique(owners[owners[:, 0] >= 0], axis=0)
        assert owners[:, 0].tolist() == list(range(16))
        every = {name: joined(ranks, state[name]) for name in state.names()}
        x = (every["position"] + every["image"] @ box.vectors)[np.argsort(every["id"])]
        np.testing.assert_allclose(x, unwrapped[::-1] + round_ * 0.9, atol=1e-10)
        check_first_atoms(box, cells, state)
        halo = Halo(cells, state["position"])
        pairs, _ = found_here(cells, halo, state)
        expected, _ = counted(ranks, every, cells)
        assert in_order(joined(ranks, pairs)).tolist() == expected.tolist()
        state["position"] += 0.9
        cells.exchange(state)


def check_first_atoms(box, cells, state):
    """Of each molecule the atom with the smallest id lies in this rank's block, the others beside it."""
    lower, upper = cells.rank_box
    key = np.where(state["molecule"] < 0, -1 - state["id"], state["molecule"])
    for molecule in np.unique(key):
        rows = np.flatnonzero(key == molecule)
        first = rows[np.argmin(state["id"][rows])]
        s = box.fractional(state["position"][first])
        assert ((s >= lower - 1e-12) & (s < upper + 1e-12)).all()
        assert (state["image"][rows] == state["image"][first]).all()


def test_whole_molecules_ask_no_directory(ranks):
    box = Box(STRAIGHT)
    cells = Cells(box, ranks, reach=1.5, molecules=True)
    state = share(chains(box)[0], ranks)
    cells.exchange(state)
    other = State({name: state[name] for name in state.names()})
    ranks.reset_counters()
    cells.exchange(other)
    assert ranks.messages_sent <= len(cells.neighbours) + 4 * (ranks.size - 1).bit_length()
    with pytest.raises(KeyError, match="no array image"):
        cells.exchange(
            State({"position": state["position"], "id": state["id"], "molecule": state["molecule"]})
        )
