"""Initial states of a batch: expressions of the system's index and of random numbers, row by row."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy

from hpcphys.compiler.expressions import Coordinates, ExpressionError, Variable, parse
from hpcphys.compiler.flows import noise

INDEX, SYSTEMS = Variable("i"), Variable("systems")
START = 1 << 63
"""Added to the seed, which is smaller: initial states and the noise of the motion draw different numbers."""

Row = dict[sympy.Symbol, Any]


class InitialRows:
    """What each system of a batch begins with.  A function of seed and index alone: ranks do not matter.

    coordinates: of the structure;  parameters: values that serve all systems
    systems: size of the batch;  seed: of the random numbers
    """

    def __init__(self, coordinates: Coordinates, parameters: dict[str, Any], systems: int, seed: int):
        self.coordinates, self.parameters = coordinates, parameters
        self.systems, self.seed = systems, seed
        self.per_system: dict[str, tuple[str, sympy.Expr]] = {}
        self.definitions: dict[str, tuple[sympy.Symbol, sympy.Expr]] = {}
        self.values: dict[str, list[sympy.Expr]] = {}
        self._drawn = 0

    def define_parameter(self, name: str, text: str) -> None:
        """A parameter with a value for each system.  Raises ExpressionError."""
        self.per_system[name] = (text, self._parsed(text, f"parameter {name}"))

    def define(self, name: str, text: str) -> None:
        """A named sub-expression of the initial values.  Raises ExpressionError."""
        expression = self._parsed(text, f"definition {name}")
        if not name.isidentifier() or name in (*self.coordinates.named, "i", "systems", "normal", "uniform"):
            raise ExpressionError(f"{name!r} is taken or no name; choose another", name="definition")
        self.definitions[name] = (sympy.Symbol(f"initial_{name}", real=True), expression)

    def begin(self, name: str, given: Any) -> None:
        """The value of a variable, or of its components.  Raises ExpressionError."""
        variable = self.coordinates.named.get(name)
        if variable is None or variable not in self.coordinates.variables:
            allowed = ", ".join(str(item) for item in self.coordinates.variables)
            raise ExpressionError(f"{name!r} is no variable; the variables are {allowed}", name="values")
        entries = given if isinstance(given, list) else [given] * variable.width
        if len(entries) != variable.width:
            raise ExpressionError(f"found {len(entries)} numbers for {variable}", name="values")
        names = [name] if variable.size is None else [f"{name}[{k}]" for k in range(variable.width)]
        self.values[name] = [
            self._parsed(entry if isinstance(entry, str) else repr(entry), what)
            for entry, what in zip(entries, names, strict=True)
        ]

    def rows(self, first: int, last: int) -> dict[str, np.ndarray]:
        """Arrays of the systems first ... last-1: variables, and parameters with a value for each."""
        index = np.arange(first, last)
        known: Row = {INDEX.symbols[0]: index.astype(float), SYSTEMS.symbols[0]: float(self.systems)}
        fixed = Coordinates(self.coordinates.variables, self.coordinates.parameters)
        known |= fixed.columns({k: np.asarray(v, dtype=float) for k, v in self.parameters.items()})
        arrays = {}
        for name, (_, expression) in self.per_system.items():
            arrays[name] = self._evaluated(expression, known, index)
            known[self.coordinates.named[name].symbols[0]] = arrays[name]
        for symbol, expression in self.definitions.values():
            known[symbol] = self._evaluated(expression, known, index)
        for variable in self.coordinates.variables:
            entries = self.values.get(variable.name, [sympy.S.Zero] * variable.width)
            columns = [self._evaluated(entry, known, index) for entry in entries]
            whole = columns[0] if variable.size is None else np.stack(columns, axis=1)
            arrays[variable.name] = np.ascontiguousarray(whole)
        return arrays

    def _parsed(self, text: str, name: str) -> sympy.Expr:
        """The expression, with draws of its own for `normal` and `uniform`."""
        self._drawn += 1
        draws = {word: sympy.Symbol(f"{word}_{self._drawn}", real=True) for word in ("normal", "uniform")}
        fixed = [p for p in self.coordinates.parameters if p.name in {*self.parameters, *self.per_system}]
        taken = {INDEX.name, SYSTEMS.name, *draws, *self.definitions}
        constants = Coordinates((INDEX, SYSTEMS), tuple(p for p in fixed if p.name not in taken))
        known = {name: symbol for name, (symbol, _) in self.definitions.items()}
        return parse(text, constants, name=name, locals={**draws, **known})

    def _evaluated(self, expression: sympy.Expr, known: Row, index: np.ndarray) -> np.ndarray:
        symbols = sorted(expression.free_symbols, key=str)
        values = [known[s] if s in known else self._draws(s.name, index) for s in symbols]
        function = sympy.lambdify(symbols, expression, "numpy")
        with np.errstate(all="ignore"):  # what is no number is found, and named, before the first step
            return np.broadcast_to(np.asarray(function(*values), dtype=float), index.shape).copy()

    def _draws(self, name: str, index: np.ndarray) -> np.ndarray:
        """The random numbers of a symbol such as normal_3, one for each system."""
        word, _, number = name.rpartition("_")
        key = self.seed ^ START
        if word == "normal":
            return noise.normals(key, index, int(number), 0, 1)[0]
        counter = (index.astype(np.uint64), np.uint64(0), np.uint64(int(number)), np.uint64(1))
        words = noise.philox(counter, (key & 0xFFFFFFFF, key >> 32))
        return ((words[0] | words[1] << np.uint64(32)) >> np.uint64(12)).astype(float) * 2.0**-52
