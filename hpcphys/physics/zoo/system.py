"""What a system of the zoo is: a Hamiltonian as text, a start, and what is known about its motion."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Entry = float | str
Start = Mapping[str, Entry | Sequence[Entry] | Sequence[float]]
Series = Mapping[str, np.ndarray]
"""Rows of diagnostics: "time" (rows,), "energy", every variable (rows, systems, size) or (rows, systems)."""


def no_results(series: Series) -> dict[str, float]:
    """Nothing is known besides what every run tells."""
    return {}


@dataclass(frozen=True)
class ZooSystem:
    """A system in the words of a job file, and the numbers that its runs are made for.

    title, source: in a line each;  structure: name and `options` as in [hamiltonian]
    expression: H, or its named terms;  parameters: what the expressions may use, by name
    pieces: whether the terms are the parts of the splitting; else it is found
    conserved: further conserved quantities;  observables: what is worth watching
    initial: variable -> values;  definitions: sub-expressions of the expressions
    random: sub-expressions of the initial values, as in [initial] definitions
    reference: time (rows,) -> variable -> the exact solution for the default start; or None
    results: the numbers that follow from the series of a run (period, recurrence ...)
    trajectories: how many systems of a batch the figure shows
    """

    name: str
    title: str
    source: str
    variables: tuple[str, ...]
    expression: str | Mapping[str, str] | None
    structure: str = "canonical"
    options: Mapping[str, Any] = field(default_factory=dict)
    pieces: bool = False
    parameters: Mapping[str, float | list[float]] = field(default_factory=dict)
    definitions: Mapping[str, str] = field(default_factory=dict)
    conserved: Mapping[str, str] = field(default_factory=dict)
    observables: Mapping[str, str] = field(default_factory=dict)
    initial: Start = field(default_factory=dict)
    random: Mapping[str, str] = field(default_factory=dict)
    constraints: tuple[str, ...] = ()
    reference: Callable[[np.ndarray], dict[str, np.ndarray]] | None = None
    results: Callable[[Series], dict[str, float]] = no_results
    trajectories: int = 1
    facts: Mapping[str, float] = field(default_factory=dict)
