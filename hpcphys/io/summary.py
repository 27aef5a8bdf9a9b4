"""summary.json: how the run ended and the numbers that the job exists to produce."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path

from hpcphys.io.rows import DataFileError, reason_of


def write_summary(folder: Path, summary: Mapping[str, object]) -> None:
    """Write summary.json in one step; numbers that JSON cannot hold (NaN, infinity) become null.

    Raises DataFileError; a summary that was there before stays whole.
    """
    path = folder / "summary.json"
    partial = folder / ".summary.json.partial"
    try:
        partial.write_text(json.dumps(_plain(summary), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        os.replace(partial, path)
    except OSError as problem:
        partial.unlink(missing_ok=True)
        raise DataFileError(f"{path}: cannot be written: {reason_of(problem)}") from problem


def read_summary(folder: Path) -> dict | None:
    """The summary of an output folder; None when there is none or it cannot be read."""
    try:
        return json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _plain(value):
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
