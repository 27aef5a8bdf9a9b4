"""Failures of flows: of single systems of a batch, and of iterations that do not converge."""

from __future__ import annotations


class SystemFailed(RuntimeError):
    """A flow could not be done for a system of the batch.

    operation, system (global index), step (the first is 1): where it failed first
    """

    def __init__(self, operation: str, message: str, system: int, step: int, count: int):
        others = f"; {count - 1} more systems failed" if count > 1 else ""
        super().__init__(f"{message} (system {system}{others})")
        self.operation, self.system, self.step = operation, system, step


class ConvergenceError(ArithmeticError):
    """An implicit flow did not converge; the message says how far it came and what to do."""
