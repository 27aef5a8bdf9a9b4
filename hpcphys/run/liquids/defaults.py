"""What of a job follows from other keys: paths, the cutoff of WCA, the buffer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

BUFFER, WCA_BUFFER = 0.12, 0.3
"""Of the cutoff: 0.3 for the usual 2.5, and for 2^(1/6)."""


def normalised(tables: dict[str, Any], folder: Path) -> None:
    """Fill in, in place, what follows: input files' paths start at the job's folder."""
    for name in ("initial", "pairs"):
        table = tables.get(name)
        if getattr(table, "path", None):
            path = str((folder / table.path).resolve())
            tables[name] = table.model_copy(update={"path": path})
    pairs = tables.get("pairs")
    if pairs is None:
        return
    wca = pairs.model == "wca"
    update: dict[str, Any] = {}
    if pairs.cutoff is None:
        largest = float(np.max(pairs.sigma)) if np.min(pairs.sigma) > 0.0 else None
        update["cutoff"] = largest and 2.0 ** (1.0 / 6.0) * largest
    if pairs.buffer is None and (cutoff := update.get("cutoff", pairs.cutoff)):
        update["buffer"] = (WCA_BUFFER if wca else BUFFER) * cutoff
    tables["pairs"] = pairs.model_copy(update=update)
