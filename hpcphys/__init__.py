"""hpcphys: a distributed physics engine; dz/dt = Λ(z)·∇H(z), compiled from a state, pieces and a structure.

The folders `kernels/` and `decomposition/` of the repository are imported as `hpcphys.kernels` and
`hpcphys.decomposition`.  An installed package maps them there; in a bare checkout they lie beside this
folder, so the repository root is added to this package's search path.
"""

from __future__ import annotations

from pathlib import Path

__version__ = "0.1.0"

_root = Path(__file__).resolve().parent.parent
if (_root / "kernels" / "prelude.h").is_file() and (_root / "decomposition").is_dir():
    __path__.append(str(_root))
