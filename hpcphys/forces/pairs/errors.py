"""What a field of pair forces raises."""

from __future__ import annotations


class OverlapError(FloatingPointError):
    """Two atoms are so close that their force is not a number."""
