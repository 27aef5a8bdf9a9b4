"""From the tables of a job to a system in symbols, or to the list of everything that is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import sympy

from hpcphys.compiler.expressions import (
    Coordinates,
    CoordinatesError,
    ExpressionError,
    Variable,
    declared,
    parse,
)
from hpcphys.compiler.structures.base import StructureError
from hpcphys.compiler.structures.registry import structure_named
from hpcphys.compiler.structures.symbolic import SymbolicStructure
from hpcphys.physics.zoo import ZooError, ZooSystem, zoo_system
from hpcphys.run.expressions.initial import InitialRows
from hpcphys.run.expressions.job import OPTIONS
from hpcphys.run.kind import Broken

WATCHED_ALREADY = frozenset({"step", "time", "energy"})


@dataclass
class Declaration:
    """A system in symbols.

    coordinates: of the structure, its own variables included;  terms: H by named terms
    parameters: values that serve all systems;  per_system: text of those with a value for each
    conserved, observables: further expressions by name;  rows: the initial values
    keeps_terms: whether the terms of H were stated one by one, and so are the parts of the splitting
    zoo: the system of the zoo, if it is one
    """

    coordinates: Coordinates
    structure: SymbolicStructure
    terms: dict[str, sympy.Expr]
    parameters: dict[str, Any]
    rows: InitialRows
    conserved: dict[str, sympy.Expr] = field(default_factory=dict)
    observables: dict[str, sympy.Expr] = field(default_factory=dict)
    constraints: list[sympy.Expr] = field(default_factory=list)
    keeps_terms: bool = False
    zoo: ZooSystem | None = None

    @property
    def hamiltonian(self) -> sympy.Expr:
        """H, the sum of its terms."""
        return sympy.Add(*self.terms.values())

    @property
    def energy(self) -> sympy.Expr:
        """What is watched as the energy: H, or what a thermostat conserves in its place."""
        return self.structure.conserved(self.hamiltonian).get("extended energy", self.hamiltonian)

    @property
    def is_conservative(self) -> bool:
        """Whether theory conserves the energy."""
        found = self.structure.conserved(self.hamiltonian)
        return "energy" in found or "extended energy" in found

    @property
    def invariants(self) -> dict[str, sympy.Expr]:
        """Casimirs and all else that is conserved, besides the energy, by names for columns."""
        theory = self.structure.conserved(self.hamiltonian)
        found = {column(name): expr for name, expr in theory.items() if "energy" not in name}
        return found | self.conserved


def column(name: str) -> str:
    """A name for a column of the diagnostics: gamma.gamma -> casimir_gamma_gamma."""
    plain = re.sub(r"\W+", "_", name)
    return plain if plain == name else f"casimir_{plain}"


class Declaring:
    """Reads the tables of a job; `problems` holds all that is wrong with them, by the key's path."""

    def __init__(self, tables: Mapping[str, Any]):
        self.table, self.initial = tables["hamiltonian"], tables.get("initial")
        self.watched = tables.get("observables")
        self.problems: list[Broken] = []

    @contextmanager
    def at(self, *path: str) -> Iterator[None]:
        """Errors of expressions, coordinates and structures in the body become problems of this key."""
        try:
            yield
        except (ExpressionError, CoordinatesError, StructureError, ZooError) as error:
            self.problems.append((path, str(error)))

    def declaration(self) -> Declaration | None:
        """The system, or None where problems leave none."""
        zoo, table = self._zoo(), self.table
        if self.problems:
            return None
        variables = list(zoo.variables if zoo else table.variables)
        if not variables:
            self.problems.append(
                (("hamiltonian", "variables"), 'is missing; name what moves: ["q[2]", "p[2]"]')
            )
            return None
        values = dict(zoo.parameters) if zoo else dict(table.parameters)
        coordinates = None
        with self.at("hamiltonian", "variables"):
            names = tuple(map(declared, variables))
            coordinates = Coordinates(names, tuple(_parameter(n, v) for n, v in values.items()))
        if coordinates is None:
            return None
        where = {**(zoo.definitions if zoo else {}), **table.definitions}
        terms = self._terms(zoo, coordinates, where)
        structure = self._structure(zoo, coordinates, terms)
        if structure is None:
            return None
        if not terms and hasattr(structure, "hamiltonian"):
            terms = {"H": structure.hamiltonian}
        elif not terms and not self.problems:
            self.problems.append((("hamiltonian", "expression"), "is missing; state H as a text"))
        whole = structure.coordinates
        rows = self._rows(zoo, whole, values)
        found = Declaration(whole, structure, terms, values, rows, zoo=zoo)
        found.keeps_terms = zoo.pieces if zoo else isinstance(self.table.expression, dict)
        found.conserved = self._named("conserved", zoo.conserved if zoo else {}, whole, where)
        found.observables = self._named("observables", zoo.observables if zoo else {}, whole, where)
        found.constraints = self._constraints(zoo, whole, where)
        self._check_names(found)
        return None if self.problems else found

    def _zoo(self) -> ZooSystem | None:
        table = self.table
        if table.system is None:
            return None
        for key in ("variables", "expression", *OPTIONS):
            if getattr(table, key) not in (None, [], {}):  # job.used.toml states every default
                text = f"is given together with system = {table.system!r}, which has its own; remove one"
                self.problems.append((("hamiltonian", key), text))
        with self.at("hamiltonian", "system"):
            return zoo_system(table.system, table.parameters)
        return None

    def _terms(self, zoo: ZooSystem | None, coordinates: Coordinates, where: Mapping[str, str]) -> dict:
        given = zoo.expression if zoo else self.table.expression
        if given is None:
            return {}
        texts = {"H": given} if isinstance(given, str) else dict(given)
        terms = {}
        for name, text in texts.items():
            path = ("hamiltonian", "expression") + (() if isinstance(given, str) else (name,))
            with self.at(*path):
                terms[name] = parse(text, coordinates, name="H" if name == "H" else f"H, term {name}",
                                    where=where, time=True)  # fmt: skip
        return terms

    def _structure(
        self, zoo: ZooSystem | None, coordinates: Coordinates, terms: dict[str, sympy.Expr]
    ) -> SymbolicStructure | None:
        name = zoo.structure if zoo else self.table.structure
        if zoo:
            options = dict(zoo.options)
        else:
            options = {key: value for key in OPTIONS if (value := getattr(self.table, key)) is not None}
        if name == "generic":
            options["energy"] = sympy.Add(*terms.values())
        with self.at("hamiltonian", "structure"):
            return structure_named(name, coordinates, options)
        return None

    def _rows(self, zoo: ZooSystem | None, whole: Coordinates, values: dict[str, Any]) -> InitialRows:
        initial = self.initial
        starts = {**(zoo.initial if zoo else {}), **(initial.values if initial else {})}
        shared = {**(zoo.random if zoo else {}), **(initial.definitions if initial else {})}
        per_system = {name: values.pop(name) for name in list(values) if isinstance(values[name], str)}
        rows = InitialRows(whole, values, initial.systems if initial else 1, initial.seed if initial else 1)
        for name, text in per_system.items():
            with self.at("hamiltonian", "parameters", name):
                rows.define_parameter(name, text)
        for name, text in shared.items():
            with self.at("initial", "definitions", name):
                rows.define(name, text)
        optional = set(whole.named) - {
            v.name for v in map(declared, zoo.variables if zoo else self.table.variables)
        }
        for name, given in starts.items():
            with self.at("initial", "values", name):
                rows.begin(name, given)
        missing = [v.name for v in whole.variables if v.name not in starts and v.name not in optional]
        if missing and not self.problems:
            text = f"has no value for {', '.join(missing)}; give one number for each component"
            self.problems.append((("initial", "values"), text))
        return rows

    def _named(
        self, table: str, known: Mapping[str, str], whole: Coordinates, where: Mapping[str, str]
    ) -> dict[str, sympy.Expr]:
        if table == "conserved":
            own, path = self.table.conserved, ("hamiltonian", "conserved")
        else:
            own, path = self.watched.expressions if self.watched else {}, ("observables", "expressions")
        found = {}
        for name, text in {**known, **own}.items():
            with self.at(*path, name):
                if not name.isidentifier() or name in WATCHED_ALREADY or name in whole.named:
                    raise ExpressionError(f"{name!r} is taken or no name; choose another", name=table)
                found[name] = parse(text, whole, name=name, where=where, time=True)
        return found

    def _constraints(self, zoo: ZooSystem | None, whole: Coordinates, where: Mapping[str, str]) -> list:
        found = []
        for text in (*(zoo.constraints if zoo else ()), *self.table.constraints):
            with self.at("hamiltonian", "constraints"):
                found.append(parse(text, whole, name="constraint", where=where))
        return found

    def _check_names(self, found: Declaration) -> None:
        twice = found.conserved.keys() & found.observables.keys()
        for name in sorted(twice):
            self.problems.append(
                (("observables", "expressions", name), "is the name of a conserved quantity")
            )


def _parameter(name: str, value: Any) -> Variable:
    return Variable(name, len(value) if isinstance(value, list) else None)
