"""Multiple time steps: an outer composition whose one flow is many steps of an inner one."""

from __future__ import annotations

from collections.abc import Sequence

from hpcphys.compiler.compositions.composition import Composition, RoleStage
from hpcphys.compiler.compositions.symmetric_steps import TABLES

_LEAPFROG = next(table for table in TABLES if table.name == "leapfrog")


def _word(table: Composition, parts: Sequence[str]) -> tuple[tuple[str, float, float], ...]:
    """(role, coefficient, gradient) of a table, its two pieces played by `parts` unless it names its own."""
    stages: Sequence[RoleStage] = table.sequence or tuple(
        (parts[piece], c, g) for piece, c, g in table.stages(("A", "B"))
    )
    return tuple((stage[0], stage[1], stage[2] if len(stage) > 2 else 0.0) for stage in stages)


def nested(
    inner: Composition,
    slow: str,
    steps: int,
    *,
    outer: Composition = _LEAPFROG,
    fast: tuple[str, str] = ("A", "fast"),
    name: str = "",
) -> Composition:
    """Multiple steps: `outer` between the piece of role `slow` and all the rest, which moves by `steps` steps
    of `inner` for each of its flows.

    inner: a composition of two pieces, which are those of the roles `fast`; or one with roles of its own,
        such
        as another nested one (any depth) or baoab
    outer: a composition of two pieces: its A becomes the inner steps, its B the slow piece
    The order is the lower of both, or that of `outer` if it is made of weights of S2 and all is symmetric;
    the symmetry is kept.  With the leapfrog the step of the slow piece must
    stay below the period of the fastest motion over pi, or resonance heats it.
    Raises ValueError for fewer than one step, or a slow role that the inner composition moves as well.
    Source: Tuckerman, Berne & Martyna (1992) J. Chem. Phys. 97, 1990; Hairer, Lubich & Wanner (2006), section
        VIII.4 (impulse method).
    """
    if steps < 1:
        raise ValueError(f"{steps} inner steps; at least 1 is needed")
    word = _word(inner, fast)
    if slow in {role for role, *_ in word}:
        raise ValueError(f"the slow role {slow!r} is among those that {inner.name!r} moves; name another one")
    sequence: list[tuple[str, float, float]] = []
    for role, outer_share, outer_gradient in _word(outer, ("", slow)):
        if role == slow:
            sequence.append((slow, outer_share, outer_gradient))
            continue
        scale = outer_share / steps
        sequence += [(part, c * scale, g * scale**3) for _ in range(steps) for part, c, g in word]
    # A nested symmetric step is itself an S2, which the weights of `outer` raise to their order.
    raised = bool(outer.weights) and outer.symmetric and inner.symmetric
    return Composition(
        name or f"{outer.name}({slow}; {steps} {inner.name})",
        outer.order if raised else min(outer.order, inner.order),
        "Tuckerman, Berne & Martyna (1992) J. Chem. Phys. 97, 1990; "
        f"outer: {outer.source}; inner: {inner.source}",
        symmetric=outer.symmetric and inner.symmetric,
        nystrom=outer.nystrom or inner.nystrom,
        sequence=tuple(sequence),
    )


def respa(
    steps: Sequence[int] = (4,),
    roles: Sequence[str] = ("A", "fast", "slow"),
    *,
    composition: Composition = _LEAPFROG,
    name: str = "respa",
) -> Composition:
    """r-RESPA: the kicks of `roles`, fastest first, each level `steps` times within one step of the next.

    roles: the drift, then the kicks from the fastest to the slowest
    steps: how many steps of each level make one of the next: one number fewer than there are kicks
    respa((4, 2), ("A", "bond", "near", "far")): 2 steps with the near forces in one step, 4 with the bonds in
        each of those
    Raises ValueError if the numbers of roles and steps do not fit, or as `nested` does.
    Source: Tuckerman, Berne & Martyna (1992) J. Chem. Phys. 97, 1990.
    """
    if len(roles) != len(steps) + 2:
        raise ValueError(
            f"{len(steps)} numbers of steps for the roles {', '.join(roles)}; one is needed for each kick "
            "but the slowest"
        )
    table = composition
    fast = (roles[0], roles[1])
    for slow, count in zip(roles[2:], steps, strict=True):
        table = nested(table, slow, count, outer=composition, fast=fast, name=name)
    return table
