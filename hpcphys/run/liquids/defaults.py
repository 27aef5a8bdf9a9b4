"""What of a job follows from other keys: paths, the cutoff of WCA, the buffer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from hpcphys.run.liquids.declaration import types_in
from hpcphys.run.liquids.job import Types

BUFFER, WCA_BUFFER = 0.12, 0.3
"""Of the cutoff: 0.3 for the usual 2.5, and for 2^(1/6)."""


def normalised(tables: dict[str, Any], folder: Path) -> None:
    """Fill in, in place, what follows: input files' paths start at the job's folder."""
    for name in ("initial", "pairs"):
        table = tables.get(name)
        if getattr(table, "path", None):
            path = str((folder / table.path).resolve())
            tables[name] = table.model_copy(update={"path": path})
    _number_density(tables)
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


def _number_density(tables: dict[str, Any]) -> None:
    """The density of atoms or molecules that a density of mass comes to."""
    initial = tables.get("initial")
    if getattr(initial, "mass_density", None) is None or initial.density is not None:
        return
    types, molecules = tables.get("types", Types()), tables.get("molecules")
    masses = types.masses
    if initial.model != "molecules":
        shares = types.fractions or [1.0]
        mass = float(np.dot(shares[: len(masses)], masses[: len(shares)]))
    elif molecules is None or molecules.model == "rigid" or max(types_in(molecules)) >= len(masses):
        return  # what is missing is told by the rules
    else:
        mass = sum(masses[kind] for kind in types_in(molecules))
    update = {"density": initial.mass_density / mass, "mass_density": None}
    tables["initial"] = initial.model_copy(update=update)
