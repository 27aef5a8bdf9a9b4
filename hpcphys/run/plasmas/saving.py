"""Particles and fields of a plasma in checkpoints: exact on the same ranks, the same particles on others."""

from __future__ import annotations

from typing import Any

import numpy as np

from hpcphys.io.blocks import Block
from hpcphys.run.checkpoint import Checkpoint
from hpcphys.run.plasmas.assembly import Parts

READ_ROWS = 1 << 20


def particle_blocks(parts: Parts, communicator: Any) -> dict[str, Block]:
    """Datasets of all species: the rows of `saved`, and how many of them each rank wrote.  Collective."""
    found = {}
    for name, particles in parts.species.items():
        saved = particles.saved()
        count = len(next(iter(saved.values())))
        first, total = communicator.exscan(count), int(communicator.allreduce(count, "sum"))
        for column, rows in saved.items():
            found[f"{name}.{column}"] = Block.rows(rows, first, total)
        found[f"{name}.count"] = Block.rows(np.array([count]), communicator.rank, communicator.size)
    return found


def restore_particles(checkpoint: Checkpoint, parts: Parts, communicator: Any) -> None:
    """The particles of a checkpoint: on as many ranks in the same blocks each gets back its own rows, in
    their order; else every rank takes the rows whose bins it has."""
    for name, particles in parts.species.items():
        prefix = f"{name}."
        columns = [
            field.removeprefix(prefix) for field in checkpoint.fields
            if field.startswith(prefix) and field != f"{name}.count"
        ]  # fmt: skip
        (ranks,) = checkpoint.fields[f"{name}.count"]
        counts = checkpoint.block(f"{name}.count", (0,), (ranks,))
        if ranks == communicator.size:
            first, last = int(counts[: communicator.rank].sum()), int(counts[: communicator.rank + 1].sum())
            particles.restore({c: _rows(checkpoint, prefix + c, first, last) for c in columns})
            continue
        total, mine = int(counts.sum()), []
        for first in range(0, total, READ_ROWS):
            last = min(first + READ_ROWS, total)
            bins = _rows(checkpoint, f"{name}.bin", first, last)
            low, high = np.array(parts.blocks.start), np.array(parts.blocks.start) + np.array(particles.bins)
            own = np.all((bins >= low) & (bins < high), axis=1)
            mine.append({c: _rows(checkpoint, prefix + c, first, last)[own] for c in columns})
        particles.restore({c: np.concatenate([rows[c] for rows in mine]) for c in columns})


def _rows(checkpoint: Checkpoint, name: str, first: int, last: int) -> np.ndarray:
    behind = checkpoint.fields[name][1:]
    return checkpoint.block(name, (first, *(0,) * len(behind)), (last - first, *behind))
