"""C++ statements from a graph of values: three-address code with the fused multiply-adds written out.

Generated modules are compiled without contraction by the compiler, so that the text alone says how each value
is rounded: a value is the same wherever the steps are cut into calls.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hpcphys.compiler.native.graph import Graph
from hpcphys.compiler.native.share import needed

MASKS = {"less": "<", "less_equal": "<=", "equal": "==", "unequal": "!=", "both": "&", "either": "|"}

WEIGHTS = {
    "where": 1,
    "inverse": 6,
    "inverse_square_root": 8,
    "square_root": 2,
    "larger": 2,
    "smaller": 2,
    "absolute": 1,
}
"""Operations that a word of kernels/batch.h stands for; 16 for the elementary functions."""


@dataclass(frozen=True)
class Statement:
    """`type name = text;`"""

    name: str
    type: str
    text: str
    weight: int = 1  # in operations of a vector register, roughly


class Statements:
    """Statements that make the results of a graph.

    fresh: a new C++ name for a stem
    hoisted: text of a value that does not change -> its name;  hoist: is given what is new there
    moving: statements that belong where the expressions are evaluated;  results: text of each result
    """

    def __init__(
        self,
        graph: Graph,
        results: Sequence[int],
        fresh: Callable[[str], str],
        hoisted: dict[str, str],
        hoist: Callable[[Statement], None],
    ):
        self.graph = graph
        self.moving: list[Statement] = []
        self._hoist = hoist
        self._fresh = fresh
        self._hoisted = hoisted
        self._names: dict[int, str] = {}
        self._turned: dict[int, str] = {}
        order = needed(graph, results)
        self._flipped = self._only_negative(order, results)
        self._turns = self._both_of(order)
        self._fused = self._products_within_sums(order, results)
        for k in order:
            kind, arguments = graph.nodes[k]
            if kind == "name":
                self._names[k] = arguments[0]
            elif kind == "constant":
                self._names[k] = f"num({arguments[0]!r})"
            elif k not in self._fused:
                self._make(k)
        self.results = [self._text(reference) for reference in results]

    def _both_of(self, order: Sequence[int]) -> set[int]:
        """Arguments of which both the sine and the cosine are wanted."""
        nodes, known = self.graph.nodes, set(order)
        sines = {nodes[k][1][0] for k in known if nodes[k][0] == "sine"}
        return sines & {nodes[k][1][0] for k in known if nodes[k][0] == "cosine"}

    def _only_negative(self, order: Sequence[int], results: Sequence[int]) -> set[int]:
        """Sums of which only the negative is wanted: that one is made."""
        nodes = self.graph.nodes
        wanted = set(results)
        for k in order:
            if nodes[k][0] not in ("name", "constant"):
                wanted.update(nodes[k][1])
        return {k for k in order if nodes[k][0] == "sum" and k not in wanted}

    def _products_within_sums(self, order: Sequence[int], results: Sequence[int]) -> set[int]:
        """Products that only sums use: each use is a multiply-add, and the product itself is not made."""
        nodes, fixed = self.graph.nodes, self.graph.fixed
        outside = {abs(reference) for reference in results}
        for k in order:
            kind, arguments = nodes[k]
            if kind not in ("name", "constant", "sum"):
                outside.update(map(abs, arguments))
        return {k for k in order if nodes[k][0] == "product" and k not in outside and not fixed[k]}

    def _make(self, k: int) -> None:
        kind, arguments = self.graph.nodes[k]
        mask = kind in MASKS or kind == "complement"
        if kind in ("sine", "cosine") and arguments[0] in self._turns:
            self._names[k] = f"{self._turn(arguments[0])}.{kind}"
            return
        if kind == "sum":
            text = self._sum([-a for a in arguments] if k in self._flipped else arguments)
        elif kind == "product":
            text = " * ".join(map(self._text, arguments))
        elif kind == "square":
            text = f"{self._text(arguments[0])} * {self._text(arguments[0])}"
        elif kind in MASKS:
            text = f" {MASKS[kind]} ".join(map(self._text, arguments))
        elif kind == "complement":
            text = f"!{self._text(arguments[0])}"
        else:
            text = f"{kind}({', '.join(map(self._text, arguments))})"
        weight = 1 if mask or kind in ("sum", "product", "square") else WEIGHTS.get(kind, 16)
        self._names[k] = self._statement("lanes" if mask else "num", text, self.graph.fixed[k], weight)

    def _turn(self, angle: int) -> str:
        """The name of sine and cosine of an angle, made together."""
        if angle not in self._turned:
            text = f"sine_and_cosine({self._text(angle)})"
            self._turned[angle] = self._statement("turned", text, self.graph.fixed[abs(angle)], 32)
        return self._turned[angle]

    def _statement(self, kind: str, text: str, fixed: bool, weight: int) -> str:
        """The name of a value of that text; what does not change is made once, before the steps."""
        if fixed and text in self._hoisted:
            return self._hoisted[text]
        name = self._fresh(("h" if kind == "num" else "g") if fixed else "v")
        statement = Statement(name, kind, text, weight)
        if fixed:
            self._hoisted[text] = name
            self._hoist(statement)
        else:
            self.moving.append(statement)
        return name

    def _text(self, reference: int) -> str:
        name = self._names[abs(reference)]
        negative = (reference < 0) != (abs(reference) in self._flipped)
        return f"-{name}" if negative else name

    def _halves(self, product: int) -> tuple[str, str]:
        """A product as two factors."""
        *others, last = map(self._text, self.graph.nodes[product][1])
        return (f"({' * '.join(others)})" if len(others) > 1 else others[0]), last

    def _sum(self, terms: Sequence[int]) -> str:
        """Terms that are values first, then one multiply-add for each product."""
        terms = [-t if abs(t) in self._flipped else t for t in terms]
        plain = sorted((t for t in terms if abs(t) not in self._fused), key=lambda t: (t < 0, abs(t)))
        products = sorted((t for t in terms if abs(t) in self._fused), key=lambda t: (t < 0, abs(t)))
        if plain:
            text = ("" if plain[0] > 0 else "-") + self._names[abs(plain[0])]
            for term in plain[1:]:
                text += f" {'+' if term > 0 else '-'} {self._names[abs(term)]}"
        else:
            start, *products = products
            text = " * ".join(self._halves(abs(start)))
            text = text if start > 0 else f"-({text})"
        for term in products:
            word = "multiply_add" if term > 0 else "subtract_product"
            text = f"{word}({', '.join(self._halves(abs(term)))}, {text})"
        return text
