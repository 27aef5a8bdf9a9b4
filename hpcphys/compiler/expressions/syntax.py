"""Text -> tokens -> syntax tree, by a strict grammar.  Nothing here gives a meaning to names.

expression  = term { ("+" | "-") term }
term        = signed { ("*" | "/" | "//" | "%") signed }        // and % only inside an index
signed      = { "+" | "-" } power
power       = postfix [ ("^" | "**") signed ]                   binds tighter than a sign, to the right
postfix     = primary { "[" expression "]" }
primary     = number | name | name "(" expression { "," expression } ")" | "(" expression ")"
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from hpcphys.compiler.expressions.errors import ExpressionError

MAX_LENGTH = 20_000
MAX_DEPTH = 40

_TOKEN = re.compile(
    r"(?P<space>[ \t\r\n]+)"
    r"|(?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<sign>\*\*|//|[-+*/^%()\[\],.])"
)
_SUMS, _PRODUCTS = frozenset({"+", "-"}), frozenset({"*", "/", "//", "%"})


@dataclass(frozen=True)
class Token:
    kind: str  # "number", "name", "sign" or "end"
    text: str
    position: int


@dataclass(frozen=True)
class Number:
    text: str
    position: int


@dataclass(frozen=True)
class Name:
    text: str
    position: int


@dataclass(frozen=True)
class Call:
    name: str
    arguments: tuple[Node, ...]
    position: int


@dataclass(frozen=True)
class Item:
    """target[index]"""

    target: Node
    index: Node
    position: int


@dataclass(frozen=True)
class Negative:
    operand: Node
    position: int


@dataclass(frozen=True)
class Chain:
    """A sum or product, left to right: first, then (operator, operand, position of the operator)."""

    first: Node
    rest: tuple[tuple[str, Node, int], ...]
    position: int


@dataclass(frozen=True)
class Power:
    base: Node
    exponent: Node
    position: int


Node = Number | Name | Call | Item | Negative | Chain | Power


def tokens(text: str, name: str = "expression") -> list[Token]:
    """The tokens of a text, with an end token.  Raises ExpressionError for a character that has no place."""
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"{len(text)} characters long; at most {MAX_LENGTH} are allowed", name=name)
    found, position = [], 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise ExpressionError(
                f"{text[position]!r} has no place here; allowed: names, numbers, + - * / ^ ( ) [ ] ,",
                text,
                position,
                name,
            )
        if match.lastgroup != "space":
            found.append(Token(match.lastgroup, match[0], position))
        position = match.end()
    return [*found, Token("end", "", len(text))]


class Syntax:
    """A recursive-descent parser over the tokens of one text."""

    def __init__(self, text: str, name: str = "expression"):
        self.text, self.name = text, name
        self.tokens = tokens(text, name)
        self.index = 0
        self.depth = 0

    def tree(self) -> Node:
        """The syntax tree of the whole text.  Raises ExpressionError."""
        if len(self.tokens) == 1:
            raise self.error("the text is empty; write an expression such as p^2/2 + q^2/2", 0)
        node = self.expression()
        if self.here.kind != "end":
            raise self.unexpected("after a complete expression")
        return node

    @property
    def here(self) -> Token:
        return self.tokens[self.index]

    def error(self, message: str, position: int) -> ExpressionError:
        return ExpressionError(message, self.text, position, self.name)

    def unexpected(self, where: str) -> ExpressionError:
        token = self.here
        if token.kind == "end":
            return self.error(f"the text ends {where}; is something missing?", token.position)
        if token.text == ".":
            return self.error("attributes are not allowed; only names, indices and calls are", token.position)
        if token.text in (")", "]"):
            return self.error(f"{token.text!r} closes nothing {where}; check the brackets", token.position)
        advice = "write * between factors" if token.kind in ("name", "number") or token.text == "(" else ""
        advice = advice or "an operand or an operator is missing"
        return self.error(f"unexpected {token.text!r} {where}; {advice}", token.position)

    def accept(self, *signs: str) -> Token | None:
        token = self.here
        if token.kind == "sign" and token.text in signs:
            self.index += 1
            return token
        return None

    def close(self, sign: str, opened: Token) -> None:
        if self.accept(sign) is not None:
            return
        if self.here.kind == "end":
            raise self.error(f"{opened.text!r} is never closed; add {sign!r}", opened.position)
        raise self.unexpected(f"where {sign!r} should close {opened.text!r}")

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.error(
                f"nested deeper than {MAX_DEPTH} levels; name parts of it (where) or use sum(...)",
                self.here.position,
            )

    def expression(self) -> Node:
        self.deeper()
        node = self.chain(_SUMS, self.term)
        self.depth -= 1
        return node

    def term(self) -> Node:
        return self.chain(_PRODUCTS, self.signed)

    def chain(self, signs: frozenset[str], operand) -> Node:
        position = self.here.position
        first, rest = operand(), []
        while (sign := self.accept(*signs)) is not None:
            rest.append((sign.text, operand(), sign.position))
        return Chain(first, tuple(rest), position) if rest else first

    def signed(self) -> Node:
        negative, position = False, self.here.position
        while (sign := self.accept("+", "-")) is not None:
            negative ^= sign.text == "-"
        node = self.power()
        return Negative(node, position) if negative else node

    def power(self) -> Node:
        base = self.postfix()
        sign = self.accept("^", "**")
        if sign is None:
            return base
        self.deeper()
        exponent = self.signed()
        self.depth -= 1
        return Power(base, exponent, sign.position)

    def postfix(self) -> Node:
        node = self.primary()
        opened = self.accept("[")
        if opened is not None:
            node = Item(node, self.expression(), opened.position)
            self.close("]", opened)
        if self.here.text == "[":
            raise self.error("a component has no components; one index is allowed", self.here.position)
        if self.here.kind == "sign" and self.here.text == ".":
            raise self.unexpected("here")
        return node

    def primary(self) -> Node:
        token = self.here
        if token.kind == "number":
            self.index += 1
            return Number(token.text, token.position)
        if token.kind == "name":
            self.index += 1
            opened = self.accept("(")
            return Name(token.text, token.position) if opened is None else self.call(token, opened)
        opened = self.accept("(")
        if opened is None:
            raise self.unexpected("where a number, a name or '(' should be")
        node = self.expression()
        self.close(")", opened)
        return node

    def call(self, called: Token, opened: Token) -> Node:
        arguments: list[Node] = []
        if self.here.text != ")":
            arguments.append(self.expression())
            while self.accept(",") is not None:
                arguments.append(self.expression())
        self.close(")", opened)
        return Call(called.text, tuple(arguments), called.position)
