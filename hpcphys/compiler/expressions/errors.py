"""The one error of an expression that cannot be accepted; it shows the place."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

WINDOW = 80  # characters of a long text that the message shows around the place


class ExpressionError(ValueError):
    """An expression cannot be accepted.

    message: what was found, what is allowed, what to do; text: the expression; position: index in it (or
    None); name: what the expression is ("hamiltonian"). The printed form ends with the text and a caret.
    """

    def __init__(self, message: str, text: str = "", position: int | None = None, name: str = "expression"):
        self.message, self.text, self.position, self.name = message, text, position, name
        shown = f"{name}: {message}"
        if position is not None:
            shown += "\n" + marked(text, position)
        super().__init__(shown)


def marked(text: str, position: int) -> str:
    """Two lines: the text (a window of it if it is long) and a caret under `position`."""
    line = "".join(character if character.isprintable() else " " for character in text)
    start = max(0, min(position - WINDOW // 2, len(line) - WINDOW))
    window = line[start : start + WINDOW]
    before, after = "... " if start else "", " ..." if start + WINDOW < len(line) else ""
    return f"  {before}{window}{after}\n  {' ' * (len(before) + position - start)}^"


def suggestion(found: str, allowed: Iterable[str]) -> str:
    """ "; did you mean 'x'?" where something allowed is close to what was found, else ""."""
    close = get_close_matches(found, list(allowed), n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""
