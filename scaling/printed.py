"""Tables as text: a title, aligned columns, numbers at the precision that a benchmark deserves."""

from __future__ import annotations


def figure(value: object) -> str:
    """Text for a cell: three significant figures, errors as powers of ten, None as a dash."""
    if value is None:
        return "-"
    if not isinstance(value, float):
        return str(value)
    if value == 0:
        return "0"
    if abs(value) < 1e-2 or abs(value) >= 1e6:
        return f"{value:.1e}"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


class Table:
    """Rows under a title and column heads; `show` prints them, first column left-aligned."""

    def __init__(self, title: str, *columns: str):
        self.title, self.columns = title, columns
        self.rows: list[list[str]] = []

    def add(self, *cells: object) -> None:
        """One row.  Raises ValueError unless there is one cell for each column."""
        if len(cells) != len(self.columns):
            raise ValueError(f"{self.title}: {len(cells)} cells for {len(self.columns)} columns")
        self.rows.append([figure(cell) for cell in cells])

    def text(self) -> str:
        """The whole table."""
        widths = [max(map(len, column)) for column in zip(self.columns, *self.rows, strict=True)]
        lines = [self.title]
        for row in (list(self.columns), *self.rows):
            first, *others = row
            cells = [
                first.ljust(widths[0]),
                *(c.rjust(w) for c, w in zip(others, widths[1:], strict=True)),
            ]
            lines.append("  " + "  ".join(cells).rstrip())
        return "\n".join(lines)

    def show(self) -> None:
        """Print the table and an empty line."""
        print(self.text(), end="\n\n", flush=True)
