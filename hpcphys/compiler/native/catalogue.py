"""Generated kernels of representative systems, for the checks that need no GPU.

`python -m hpcphys.compiler.native.catalogue` prints what they and all other kernels take on a GPU,
`--table FILE` writes it.  Needs NVRTC alone, as hpcphys.kernels.nvrtc does.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import sympy

from hpcphys.compiler.expressions.coordinates import DT, Coordinates
from hpcphys.compiler.flows import Update
from hpcphys.compiler.flows.pieces import Values, expression_piece
from hpcphys.compiler.hamiltonian import hamiltonian
from hpcphys.compiler.native.fuse import native_text
from hpcphys.compiler.program import compile_structure
from hpcphys.compiler.state import State
from hpcphys.compiler.structures import CanonicalStructure
from hpcphys.compiler.system import PhysicalSystem
from hpcphys.kernels import nvrtc
from hpcphys.kernels.sources import ModuleSource, generated_source


def kepler() -> PhysicalSystem:
    """A planet about a fixed centre: one inverse square root."""
    start = {"q": [1.0, 1.0], "p": [0.0, 0.0]}
    return hamiltonian("dot(p, p)/2 - 1/norm(q)", ["q[2]", "p[2]"], state=start)


def lattice(size: int) -> PhysicalSystem:
    """The Toda lattice with fixed ends: an exponential for each bond."""
    bonds = f"exp(-q[0]) + sum(exp(q[i] - q[i+1]), i, 0, {size - 2}) + exp(q[{size - 1}])"
    start = {"q": np.zeros(size), "p": np.ones(size)}
    return hamiltonian(f"dot(p, p)/2 + {bonds}", [f"q[{size}]", f"p[{size}]"], state=start)


def noisy_rotor() -> PhysicalSystem:
    """A rotor with friction and noise: sine, exponential, random numbers."""
    c = Coordinates.declare(["angle", "momentum"], ["friction"])
    (angle, momentum), (friction,) = c.symbols, c.parameter_symbols
    normal = sympy.Symbol("normal", real=True)
    decay = sympy.exp(-friction * DT)
    values = Values(c, {"friction": 1.0})
    flows = {
        "drift": Update.of({angle: angle + DT * momentum}),
        "kick": Update.of({momentum: momentum - DT * sympy.sin(angle)}),
        "noise": Update.of({momentum: decay * momentum + sympy.sqrt(1 - decay**2) * normal}, (normal,)),
    }
    pieces = tuple(expression_piece(name, name, flow, values) for name, flow in flows.items())
    state = State({"angle": np.ones(1), "momentum": np.zeros(1)})
    return PhysicalSystem(state, pieces, CanonicalStructure(()), coordinates=c, parameters={"friction": 1.0})


PROGRAMS: dict[str, tuple[Callable[[], PhysicalSystem], str]] = {
    "Kepler, leapfrog": (kepler, "leapfrog"),
    "Kepler, kahan_li8": (kepler, "kahan_li8"),
    "rotor with noise, strang": (noisy_rotor, "strang"),
    "Toda lattice of 8, leapfrog": (lambda: lattice(8), "leapfrog"),
    "Toda lattice of 64, yoshida4": (lambda: lattice(64), "yoshida4"),
}
"""Name -> a system and a composition: from one register to flows as functions."""


def sources() -> Iterator[tuple[str, ModuleSource]]:
    """The generated module of each program, by its name."""
    for name, (system, composition) in PROGRAMS.items():
        made = system()
        operations = compile_structure(made, composition, backend="numpy").operations
        yield name, generated_source("program", native_text(operations, made).text, {})


def resources(architectures: Sequence[str] = nvrtc.ARCHITECTURES) -> Iterator[nvrtc.Resources]:
    """What each kernel of each program takes, the program's name in the place of the defines."""
    for name, source in sources():
        for architecture in architectures:
            yield from nvrtc.resources(source, architecture, name)


def main(arguments: Sequence[str] | None = None) -> int:
    """Compile every kernel, written and generated, and print or write the table."""
    return nvrtc.main(arguments, resources(), "hpcphys.compiler.native.catalogue")


if __name__ == "__main__":
    sys.exit(main())
