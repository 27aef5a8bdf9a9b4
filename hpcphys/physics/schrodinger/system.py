"""A wavefunction as a system of the compiler:  H = sum_j (p_j - qA_j)²/2m_j + V(x, t) + g|ψ|².

i dψ/dt = (p - qA)²/2m ψ         kinetic, and one piece more for each A_j(x)
i dψ/dt = (V + g|ψ|² - iW) ψ     potential
"""

from __future__ import annotations

from functools import partial

from hpcphys.compiler.pieces import Piece
from hpcphys.compiler.state import State
from hpcphys.compiler.structures.wavefunction import WAVEFUNCTION, WavefunctionStructure
from hpcphys.compiler.system import PhysicalSystem
from hpcphys.physics.schrodinger.engine import SplitOperator
from hpcphys.physics.schrodinger.grid import AXES

EQUATION = "i dpsi/dt = [ (p - qA)²/2m + V + g|psi|² - iW ] psi"
_ONLY = frozenset({WAVEFUNCTION})


def schrodinger(state: State, engine: SplitOperator) -> PhysicalSystem:
    """The system of the module's equations; its flows are those of the engine.

    state: "wavefunction", complex, of the shape engine.grid.shape
    Raises ValueError if the state lacks the array, or its shape or type is another.
    """
    if WAVEFUNCTION not in state:
        raise ValueError(
            f"a wavefunction needs the array {WAVEFUNCTION!r}; found {', '.join(state) or 'none'}"
        )
    psi, grid = state[WAVEFUNCTION], engine.grid
    if psi.shape != grid.shape or psi.dtype != grid.complex_type:
        raise ValueError(
            f"{WAVEFUNCTION} is {psi.dtype} of shape {psi.shape}; the grid of this rank needs "
            f"{grid.complex_type} of shape {grid.shape}"
        )
    magnetic = tuple(
        Piece(
            f"kinetic_{AXES[axis]}",
            f"i dpsi/dt = (p_{AXES[axis]} - q A_{AXES[axis]}(x))²/2m psi",
            _ONLY,
            _ONLY,
            partial(engine.directional, axis),
        )
        for axis in engine.vector_potential.transverse
    )
    # With a magnetic field three flows do not commute: they play no parts, and T is not p²/2m.
    kinetic = Piece(
        "kinetic", "i dpsi/dt = p²/2m psi", _ONLY, _ONLY, engine.kinetic, role="" if magnetic else "A"
    )
    potential = Piece(
        "potential",
        "i dpsi/dt = (V + g|psi|²) psi",
        _ONLY,
        _ONLY,
        engine.potential,
        role="" if magnetic else "B",
        gradient_flow=engine.potential,
    )
    return PhysicalSystem(
        state,
        (kinetic, *magnetic, potential),
        WavefunctionStructure(),
        quadratic_kinetic=not magnetic,
        equation=EQUATION,
        synchronise=engine.synchronise,
    )
