"""Particles and fields of a plasma in checkpoints: exact on the same ranks, the same particles on others."""

from __future__ import annotations

from typing import Any

import numpy as np

from hpcphys.io.blocks import Block
from hpcphys.run.checkpoint import Checkpoint
from hpcphys.run.plasmas.assembly import Parts

READ_ROWS = 1 << 20
LAYERS = "layers"
"""Before the names of what absorbing layers remember."""


def further_blocks(parts: Parts, communicator: Any) -> dict[str, Block]:
    """Datasets of all species and of absorbing layers, with the rows that each rank wrote.  Collective."""
    found: dict[str, Block] = {}
    for name, particles in parts.species.items():
        saved = particles.saved()
        found |= _rows_of(name, saved, len(saved["bin"]), communicator)
    for name, memory in _layers(parts, communicator).items():
        found |= _rows_of(f"{LAYERS}.{name}", {"rows": memory}, len(memory), communicator)
    return found


def restore_layers(checkpoint: Checkpoint, parts: Parts, communicator: Any) -> bool:
    """What absorbing layers remember; False where the ranks are others and they begin empty.  Collective."""
    names = [name for name in checkpoint.fields if name.startswith(f"{LAYERS}.") and name.endswith(".count")]
    found = {}
    for name in names:
        bounds = _own_rows(checkpoint, name, communicator)
        if bounds is None:
            return False
        column = name.removesuffix("count") + "rows"
        found[name.split(".")[1]] = _rows(checkpoint, column, *bounds)
    if names:
        shapes = {name: memory.shape for name, memory in parts.field.saved().items()}
        parts.field.restore({name: found[name].reshape(shape) for name, shape in shapes.items()})
    return True


def restore_particles(checkpoint: Checkpoint, parts: Parts, communicator: Any) -> None:
    """The particles of a checkpoint: on as many ranks each gets back its own rows, in their order; else every
    rank takes the rows whose bins it has."""
    for name, particles in parts.species.items():
        prefix = f"{name}."
        columns = [
            field.removeprefix(prefix) for field in checkpoint.fields
            if field.startswith(prefix) and field != f"{name}.count"
        ]  # fmt: skip
        bounds = _own_rows(checkpoint, f"{name}.count", communicator)
        if bounds is not None:
            particles.restore({c: _rows(checkpoint, prefix + c, *bounds) for c in columns})
            continue
        total, mine = checkpoint.fields[f"{name}.bin"][0], []
        low = np.array(parts.blocks.start)
        high = low + np.array(particles.bins)
        for first in range(0, total, READ_ROWS):
            last = min(first + READ_ROWS, total)
            bins = _rows(checkpoint, f"{name}.bin", first, last)
            own = np.all((bins >= low) & (bins < high), axis=1)
            mine.append({c: _rows(checkpoint, prefix + c, first, last)[own] for c in columns})
        particles.restore({c: np.concatenate([rows[c] for rows in mine]) for c in columns})


def _rows_of(name: str, columns: dict[str, Any], count: int, communicator: Any) -> dict[str, Block]:
    first, total = communicator.exscan(count), int(communicator.allreduce(count, "sum"))
    found = {f"{name}.{column}": Block.rows(rows, first, total) for column, rows in columns.items()}
    found[f"{name}.count"] = Block.rows(np.array([count]), communicator.rank, communicator.size)
    return found


def _layers(parts: Parts, communicator: Any) -> dict[str, np.ndarray]:
    """Memories of all layers, flat; a rank that has no part of one has an empty array."""
    if not parts.is_electromagnetic:
        return {}
    own = {name: parts.blocks.backend.host(array).ravel() for name, array in parts.field.saved().items()}
    names = sorted({name for names in communicator.allgather(list(own)) for name in names})
    real = next(iter(parts.species.values())).real
    return {name: own.get(name, np.zeros(0, real)) for name in names}


def _own_rows(checkpoint: Checkpoint, name: str, communicator: Any) -> tuple[int, int] | None:
    """First and last row that this rank wrote; None where other ranks did."""
    (ranks,) = checkpoint.fields[name]
    if ranks != communicator.size:
        return None
    counts = checkpoint.block(name, (0,), (ranks,))
    return int(counts[: communicator.rank].sum()), int(counts[: communicator.rank + 1].sum())


def _rows(checkpoint: Checkpoint, name: str, first: int, last: int) -> np.ndarray:
    behind = checkpoint.fields[name][1:]
    return checkpoint.block(name, (first, *(0,) * len(behind)), (last - first, *behind))
