"""What was wanted, what was found, and whether it is reached."""

from __future__ import annotations

from scaling.printed import Table


class Verdict:
    """Collects figures against their limits; `show` prints them all, `missed` names those not reached."""

    def __init__(self) -> None:
        self.table = Table("Wanted and found", "figure", "wanted", "found", "reached")
        self.missed: list[str] = []

    def at_least(self, name: str, found: float | None, wanted: float) -> None:
        """A figure that is to be large; None: it could not be reached at all."""
        self._add(name, f"≥ {wanted:.3g}", found, found is not None and found >= wanted)

    def at_most(self, name: str, found: float | None, wanted: float) -> None:
        """A figure that is to be small."""
        self._add(name, f"≤ {wanted:.3g}", found, found is not None and found <= wanted)

    def _add(self, name: str, wanted: str, found: float | None, reached: bool) -> None:
        self.table.add(name, wanted, found, "yes" if reached else "NO")
        if not reached:
            self.missed.append(name)

    def show(self) -> None:
        """Print the table, and how many of the figures are reached."""
        self.table.show()
        total = len(self.table.rows)
        print(f"{total - len(self.missed)} of {total} reached", flush=True)
