"""The state z of a system: named arrays of this rank's particles, the time, and a few scalars."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

VALID = "valid."


class State:
    """Named arrays whose first axis is this rank's particles, plus time, step count and scalars.

    arrays: name -> array (rows, ...) of numpy or of the backend's namespace; every array has the same rows
    time: physical time of the state [time];  step: steps done since the start of the run
    scalars: name -> float or int; what a restart needs besides the arrays (controller variables, which
        derived arrays are valid). They are the same on every rank and go into the checkpoint.
    first: global index of row 0, where the rows of a batch are shared among ranks; random numbers belong to
        global rows, so that they do not depend on the number of ranks

    A derived array (an acceleration, a potential) is a function of the others. `mark_valid`, `invalidate` and
    `is_valid` keep the record of whether it belongs to the present state; an exchange moves it with its row.
    Whoever changes an array in place outside a program must call `invalidate` for what depends on it.
    """

    def __init__(
        self,
        arrays: Mapping[str, Any],
        time: float = 0.0,
        step: int = 0,
        scalars: Mapping[str, float | int] | None = None,
        first: int = 0,
    ):
        self._arrays = dict(arrays)
        self.time = float(time)
        self.step = int(step)
        self.scalars: dict[str, float | int] = dict(scalars or {})
        self.first = int(first)
        self.blocks_drawn = 0  # of random numbers, by the flows of the present step
        self.check_rows()

    def __getitem__(self, name: str) -> Any:
        try:
            return self._arrays[name]
        except KeyError:
            raise KeyError(
                f"state has no array {name!r}; it has {', '.join(self.names()) or 'none'}"
            ) from None

    def get(self, name: str) -> Any:
        """The array of that name, or None."""
        return self._arrays.get(name)

    def __setitem__(self, name: str, array: Any) -> None:
        self._arrays[name] = array

    def __delitem__(self, name: str) -> None:
        del self._arrays[name]

    def __contains__(self, name: object) -> bool:
        return name in self._arrays

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def __repr__(self) -> str:
        arrays = ", ".join(f"{name} {tuple(a.shape)} {a.dtype}" for name, a in self._arrays.items())
        return f"State(time={self.time!r}, step={self.step}, {arrays})"

    def names(self) -> tuple[str, ...]:
        """Names of the arrays, in the order in which they were added."""
        return tuple(self._arrays)

    @property
    def count(self) -> int:
        """Number of particles on this rank."""
        for array in self._arrays.values():
            return int(array.shape[0])
        return 0

    @property
    def nbytes(self) -> int:
        """Bytes held by the arrays on this rank."""
        return sum(int(array.nbytes) for array in self._arrays.values())

    def check_rows(self) -> None:
        """Raise ValueError unless every array has the same number of rows."""
        rows = {name: (int(array.shape[0]) if array.ndim else None) for name, array in self._arrays.items()}
        if len(set(rows.values())) > 1 or None in rows.values():
            found = ", ".join(f"{name} has {count}" for name, count in rows.items())
            raise ValueError(
                f"arrays of a state differ in rows: {found}; every array needs one row per particle here"
            )

    def replace(self, arrays: Mapping[str, Any]) -> None:
        """Replace arrays all at once (rows may be re-ordered or change in number), then check the rows."""
        self._arrays.update(arrays)
        self.check_rows()

    def is_valid(self, name: str) -> bool:
        """True if the derived array `name` belongs to the present state."""
        return bool(self.scalars.get(VALID + name, 0)) and name in self._arrays

    def mark_valid(self, names: Iterable[str]) -> None:
        """Record that the derived arrays `names` belong to the present state."""
        for name in names:
            self.scalars[VALID + name] = 1

    def invalidate(self, names: Iterable[str] | None = None) -> None:
        """Record that derived arrays (all of them by default) no longer belong to the present state."""
        if names is None:
            names = [key[len(VALID) :] for key in self.scalars if key.startswith(VALID)]
        for name in names:
            if self.scalars.get(VALID + name, 0):
                self.scalars[VALID + name] = 0
