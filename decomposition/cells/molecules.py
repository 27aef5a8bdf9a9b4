"""Molecules kept whole: all their rows on the rank that owns the first one, wrapped together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .placing import fingerprint, placed

if TYPE_CHECKING:
    from .layout import Cells

_RECORD = np.dtype([("molecule", "i8"), ("id", "i8"), ("image", "i4", 3), ("owner", "i4")])


def place_molecules(cells: Cells, state: Any) -> Any:
    """Wrap each molecule with its first atom, in place; returns the (n,) int32 rank that owns each row.

    The first atom is the one with the smallest id.  Where the atoms of a molecule may still lie on several
    ranks, a directory finds it: rank (molecule mod ranks) is told of each part.  After an exchange they are
    together and nobody is asked, unless other rows have been put into the state.
    Raises KeyError without the arrays image and molecule.
    """
    be = cells.backend
    missing = [name for name in ("image", "molecule") if name not in state]
    if missing:
        raise KeyError(
            f"molecules are to be kept whole, but the state has no array {' and no '.join(missing)}; "
            "unwrapped coordinates and the number of each row's molecule are needed"
        )
    identity, position = be.host(state["id"]), be.host(state["position"])
    molecule, image = be.host(state["molecule"]), be.host(state["image"])
    part, heads = _parts(cells, molecule, identity)
    # An atom with a negative number is a molecule of its own.
    named = np.where(molecule[heads] < 0, -1 - identity[heads], molecule[heads])
    found = _heads(cells, position[heads], image[heads], identity[heads], named)
    if cells.communicator.agree(not _still_whole(cells, identity)):
        found = _asked(cells, found)
    images = found["image"][part]
    off = images - image
    moved = np.flatnonzero(off.any(axis=1))
    position[moved] -= off[moved] @ cells.box.vectors
    state["position"], state["image"] = be.array(position), be.array(images)
    destination = found["owner"][part]
    destination[~np.isfinite(position).all(axis=1)] = -1
    return be.array(destination)


def remember_whole(cells: Cells, state: Any) -> None:
    """Record which rows are here now, all of them in whole molecules."""
    cells.whole["rows"] = _rows(cells, cells.backend.host(state["id"]))


def _still_whole(cells: Cells, identity: np.ndarray) -> bool:
    return cells.whole.get("rows") == _rows(cells, identity)


def _rows(cells: Cells, identity: np.ndarray) -> tuple[int, int]:
    return len(identity), fingerprint(cells, identity)


def _parts(cells: Cells, molecule: np.ndarray, identity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n,) which molecule of this rank each row belongs to, and (m,) the first row here of each."""
    rows = len(molecule)
    table = np.full(1 << (2 * rows + 1).bit_length(), -1, np.int32)
    part, heads = np.empty(rows, np.int32), np.empty(rows, np.int32)
    number = cells.module.host(
        "molecules_of_rows", rows, np.ascontiguousarray(molecule, np.int64),
        np.ascontiguousarray(identity, np.int64), len(table), table, part, heads,
    )  # fmt: skip
    return part, heads[:number]


def _heads(
    cells: Cells, position: np.ndarray, image: np.ndarray, identity: np.ndarray, molecule: np.ndarray
) -> np.ndarray:
    """What is to be known of the first row here of each molecule."""
    be = cells.backend
    wrapped, counted = be.array(position.copy()), be.array(image.astype(np.int32))
    found = np.empty(len(molecule), _RECORD)
    found["owner"] = be.host(placed(cells, wrapped, counted))
    found["molecule"], found["id"], found["image"] = molecule, identity, be.host(counted)
    return found


def _asked(cells: Cells, found: np.ndarray) -> np.ndarray:
    """The records of the molecules' first rows on any rank, in place of those of their first rows here."""
    comm = cells.communicator
    keeper = found["molecule"] % comm.size
    order = np.argsort(keeper, kind="stable")
    counts = np.bincount(keeper, minlength=comm.size).astype(np.int64)
    told, from_each = comm.start_exchange(found[order], counts).wait()
    _, which = np.unique(told["molecule"], return_inverse=True)
    first = np.lexsort((told["id"], which))
    first = first[np.flatnonzero(np.diff(which[first], prepend=-1))]
    answer = comm.start_exchange(told[first[which]], from_each, counts).wait()[0]
    result = np.empty_like(found)
    result[order] = answer
    return result
