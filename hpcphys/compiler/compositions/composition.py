"""A composition: in which order, over which fractions of a step, the pieces of a system move it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Stage(NamedTuple):
    """One flow of a step: piece number `piece` over coefficient * dt.

    gradient: g of a kick by a modified potential (see `Composition`); 0 for an ordinary flow
    """

    piece: int
    coefficient: float
    gradient: float = 0.0


RoleStage = tuple[str, float] | tuple[str, float, float]


@dataclass(frozen=True)
class Composition:
    """Coefficients of one method.

    order: the step has a global error O(h^order); a test measures it
    symmetric: the step h followed by the step -h returns the start
    nystrom: valid only for a kinetic energy quadratic in the momenta

    One of three forms:

    weights: of steps of the symmetric S2(h) = B(h/2) A(h) B(h/2), for any number of pieces; `outer_first`: S2
        begins with the last piece (kick-drift-kick).  If not symmetric, all pieces are applied in turn.
    a, b: coefficients of two pieces A and B in alternation; `first` is the one that begins, "a" or "b".  In a
        system of two pieces A is the first of them; in a larger one A and B are what has the role "A" or "B".
    sequence: (role, coefficient, gradient) in the order of application, for pieces that play named parts:
        "A" drift, "B" kick, "O" Ornstein-Uhlenbeck, or parts of one's own such as "slow" and "fast".

    geometric: whether a step keeps the structure of a system whose flows do; not where variables are known at
        times half a step apart and each piece takes the others' latest

    Several pieces may share a role: they commute (two forces do), and move one after the other.

    gradient: one number g for each of b, or ().  The stage is then the exact flow over dt of the Hamiltonian
        b V - g dt² [V, [T, V]],  [V, [T, V]] = sum_i |F_i|²/m_i = |F|²:

            p <- p + b dt F + g dt³ grad_q |F|²,     F = -grad V

        With this sign g is positive in the usual methods (Chin's 4A: g = 1/72).
    Source: Hairer, Lubich & Wanner (2006), sections II.4, II.5 and V.3; Omelyan, Mryglod & Folk (2003)
        Comput. Phys. Commun. 151, 272 for the gradient (their xi or chi is g here).
    """

    name: str
    order: int
    source: str
    symmetric: bool = True
    weights: tuple[float, ...] = ()
    outer_first: bool = True
    a: tuple[float, ...] = ()
    b: tuple[float, ...] = ()
    first: str = "a"
    nystrom: bool = False
    gradient: tuple[float, ...] = ()
    sequence: tuple[RoleStage, ...] = ()
    geometric: bool = True

    def __post_init__(self) -> None:
        forms = [form for form in ("weights", "a", "sequence") if getattr(self, form)]
        if len(forms) != 1:
            raise ValueError(
                f"composition {self.name!r} has {' and '.join(forms) or 'no coefficients'}; it needs exactly "
                "one of weights, a (with b) and sequence"
            )
        if self.first not in ("a", "b"):
            raise ValueError(f'composition {self.name!r} begins with {self.first!r}; allowed: "a", "b"')
        leading, following = (self.a, self.b) if self.first == "a" else (self.b, self.a)
        if not len(following) <= len(leading) <= len(following) + 1:
            raise ValueError(
                f"composition {self.name!r} cannot alternate {len(self.a)} coefficients a and "
                f"{len(self.b)} b, {self.first} first; the first needs as many as the other, or one more"
            )
        if self.gradient and len(self.gradient) != len(self.b):
            raise ValueError(
                f"composition {self.name!r} has {len(self.gradient)} gradient coefficients for "
                f"{len(self.b)} b; each b needs one"
            )

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles that a sequence names, in order of appearance; () for the other forms."""
        return tuple(dict.fromkeys(role for role, *_ in self.sequence))

    def stages(self, pieces: int | Sequence[str]) -> tuple[Stage, ...]:
        """The stages in the order of application, for so many pieces or for pieces of these roles.

        pieces: number of pieces, or the role of each ("" for none)
        Raises ValueError if the pieces do not fit: a role that none or not every piece has, or a splitting of
        two pieces for another number of them.
        """
        given = ("",) * pieces if isinstance(pieces, int) else tuple(pieces)
        if self.weights:
            return self._weighted(len(given))
        if self.sequence:
            return self._by_role(self.sequence, given)
        return self._alternating(given)

    def _weighted(self, pieces: int) -> tuple[Stage, ...]:
        order = list(range(pieces))[::-1] if self.outer_first else list(range(pieces))
        if not self.symmetric:
            return tuple(Stage(piece, w) for w in self.weights for piece in order)
        outer, inner = order[:-1], order[-1]
        half = [(piece, 0.5) for piece in outer]
        step = [*half, (inner, 1.0), *reversed(half)]
        return tuple(Stage(piece, w * c) for w in self.weights for piece, c in step)

    def _alternation(self) -> tuple[tuple[str, float, float], ...]:
        """("A" or "B", coefficient, gradient) in the order of application."""
        gradient = self.gradient or (0.0,) * len(self.b)
        drifts = [("A", a, 0.0) for a in self.a]
        kicks = [("B", b, g) for b, g in zip(self.b, gradient, strict=True)]
        leading, following = (drifts, kicks) if self.first == "a" else (kicks, drifts)
        pairs = ((leading[i], *following[i : i + 1]) for i in range(len(leading)))
        return tuple(stage for pair in pairs for stage in pair)

    def _alternating(self, roles: tuple[str, ...]) -> tuple[Stage, ...]:
        named = {"A", "B"} == set(roles)
        if not named and len(roles) != 2:
            raise ValueError(
                f"composition {self.name!r} splits two pieces and the system has {len(roles)}; give each the "
                f'role "A" or "B", or choose a composition for any number of pieces, such as leapfrog, '
                "yoshida4, suzuki4, kahan_li6 or suzuki_umeno8"
            )
        parts = {
            part: [i for i, role in enumerate(roles) if role == part] if named else [index]
            for index, part in enumerate("AB")
        }
        return tuple(Stage(i, c, g) for part, c, g in self._alternation() for i in parts[part])

    def _by_role(self, sequence: tuple[RoleStage, ...], roles: tuple[str, ...]) -> tuple[Stage, ...]:
        found = ", ".join(repr(role) for role in roles)
        missing = [role for role in self.roles if role not in roles]
        unused = sorted({role for role in roles if role not in self.roles})
        if missing or unused:
            needed = f"needs a piece of role {missing[0]!r}" if missing else ""
            raise ValueError(
                f"composition {self.name!r} {needed or f'has no part for the role {unused[0]!r}'}; its roles "
                f"are {', '.join(map(repr, self.roles))}, those of the pieces {found}; set Piece.role"
            )
        return tuple(Stage(i, *c) for part, *c in sequence for i, role in enumerate(roles) if role == part)


def palindrome(
    half: Sequence[float], *, doubled_centre: bool = False, total: float = 1.0
) -> tuple[float, ...]:
    """half, centre, reversed half with the centre that makes the sum `total`; or without a single centre:
    the last of the half is what is missing to total/2 and appears twice."""
    if doubled_centre:
        full = [*half, total / 2 - sum(half)]
        return (*full, *reversed(full))
    return (*half, total - 2 * sum(half), *reversed(half))
