"""The error of constraints."""

from __future__ import annotations


class ConstraintError(ValueError):
    """A constraint is wrong as declared, not met by the state, redundant, or cannot be met.

    The message names the constraint, the system or the atoms, what was found and what is allowed.
    """
