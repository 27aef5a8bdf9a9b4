"""How tests start programs on several ranks: mpirun beside this interpreter, more ranks than cores."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

MPIRUN = shutil.which("mpirun", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")
"""None where there is no mpirun."""

ENVIRONMENT = {
    "PRTE_ALLOW_RUN_AS_ROOT": "1",
    "PRTE_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    "PRTE_MCA_hwloc_default_binding_policy": "none",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "OMPI_MCA_hwloc_base_binding_policy": "none",
    "OMP_NUM_THREADS": "1",
    "PYTHONPATH": str(ROOT),
}
"""For Open MPI 4 and 5: oversubscribed, not bound, as root too; hpcphys from this checkout."""


def launcher(ranks: int) -> list[str]:
    """The words before `python` that start it on so many ranks."""
    return [MPIRUN or "mpirun", "-n", str(ranks)]
