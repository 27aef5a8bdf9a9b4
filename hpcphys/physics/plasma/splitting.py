"""The Hamiltonian splitting of a plasma: five exact flows of the discrete bracket of Vlasov and Maxwell.

    H = H_E + H_B + H_x + H_y + H_z
    H_E = ε0/2 ∫ E²     du/dt = (q/m) E(x),  dB/dt = -∇×E
    H_B = ε0 c²/2 ∫ B²  dE/dt = c² ∇×B
    H_i = Σ w m u_i²/2  dx_i/dt = u_i,  du/dt = (q/m) u_i e_i × B(x),  dE_i/dt = -J_i/ε0

Every flow, and so every composition of them, is a Poisson map of hpcphys.compiler.structures.vlasov_maxwell:
Gauss's law and ∇·B stay as they are to round-off, and the energy stays near that of a nearby Hamiltonian, the
nearer the smoother the shapes are, whatever the cells are in Debye lengths.  Of the momentum nothing is kept
along the grid's axes, whose translations the cells break.

Source: He, Qin, Sun, Xiao, Zhang & Liu (2015) Phys. Plasmas 22, 124503; Qin et al. (2016) Nucl. Fusion 56,
014001; Kraus, Kormann, Morrison & Sonnendrücker (2017) J. Plasma Phys. 83, 905830401; Xiao & Qin (2018)
Plasma Sci. Technol. 20, 110501.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from hpcphys.compiler.compositions import composition
from hpcphys.compiler.pieces import Piece
from hpcphys.compiler.state import State
from hpcphys.compiler.structures.vlasov_maxwell import VlasovMaxwellStructure
from hpcphys.compiler.system import PhysicalSystem
from hpcphys.physics.plasma.particles.flows import ParticleFlows

AXES = "xyz"
EQUATION = "H = Σ w m u²/2 + ε0/2 ∫ E² + c² B² = H_E + H_B + H_x + H_y + H_z"


class SplittingError(ValueError):
    """Fields whose discretisation has no bracket."""


def hamiltonian_splitting(
    state: State, species: Mapping[str, Any], fields: Any, external: Any = None
) -> PhysicalSystem:
    """The system of the module's equations; all quantities at the same moments.

    state: "E", "B", "J" as (1, 3, *local) views of the arrays of `fields`; J_i is the mean current of the
        last flow along i
    species: name -> Particles, not relativistic, order 1 to 3, gather="energy"
    fields: Maxwell with solver="yee", periodic, without filter
    external: ExternalFields that do not depend on time, or None; they act on particles alone
    The pieces are x, y, z, E, B in this order: a composition that begins with the last one, as "leapfrog" and
    "yoshida4" do, has the currents, its most expensive parts, inside.
    Raises SplittingError, and ParticleError for particles, that do not fit.
    """
    _check(fields)
    flows = {name: ParticleFlows(particles) for name, particles in species.items()}

    def felt(time: float) -> tuple[Any, Any]:
        own = fields.E, fields.B
        return own if external is None else external.total(*own, time)

    def electric(state: State, dt: float) -> None:
        E, _ = felt(state.time)
        for each in flows.values():
            each.electric(E, dt)
        fields.faraday(dt)

    def magnetic(state: State, dt: float) -> None:
        fields.ampere(dt, current=False)

    def along(axis: int) -> Callable[[State, float], None]:
        def flow(state: State, dt: float) -> None:
            if dt == 0.0:
                return
            current = fields.J[axis]
            current[...] = 0.0
            _, B = felt(state.time)
            for each in flows.values():
                each.along(axis, B, current, dt)
            _add_current(fields, axis, dt)
            for particles in species.values():
                particles.migrate()

        return flow

    moves = [
        Piece(
            f"H_{AXES[i]}",
            f"d{AXES[i]}/dt = u_{AXES[i]}, du/dt = (q/m) u_{AXES[i]} e_{AXES[i]} × B, "
            f"dE_{AXES[i]}/dt = -J_{AXES[i]}/ε0",
            frozenset({"E", "B"}), frozenset({"E", "J"}), along(i), role=f"H_{AXES[i]}",
        )
        for i in range(3)
    ]  # fmt: skip
    both, kicked = frozenset({"E", "B"}), "du/dt = (q/m) E(x), dB/dt = -∇×E"
    kick = Piece("H_E", kicked, both, frozenset({"B"}), electric, role="H_E")
    wave = Piece("H_B", "dE/dt = c² ∇×B", both, frozenset({"E"}), magnetic, role="H_B")
    return PhysicalSystem(state, (*moves, kick, wave), VlasovMaxwellStructure(), equation=EQUATION)


def _add_current(fields: Any, axis: int, dt: float) -> None:
    """E_i ← E_i - dt J_i/ε0 on the whole grid, guards included."""
    current, E = fields.J[axis], fields.E[axis]
    fields.blocks.sum(current)
    E[fields.blocks.owned] -= (dt / fields.permittivity) * current[fields.blocks.owned]
    fields.blocks.fill(E)


def _check(fields: Any) -> None:
    problems = [
        text
        for text, found in (
            (f"the solver '{fields.solver}' (use 'yee')", fields.solver != "yee"),
            ("a filter of the currents (use none)", fields.filter_passes > 0),
            ("sides that are not periodic", not all(fields.blocks.periodic)),
        )
        if found
    ]
    if problems:
        raise SplittingError(f"the Hamiltonian splitting does not go with {', '.join(problems)}")


def stable_share(name: str) -> float:
    """The longest stable step of a composition for waves in vacuum, in those of Yee's leapfrog.

    A mode of the fields is an oscillator, moved by S2 up to ω dt = 2; a composition is stable as long as all
    shorter steps keep |trace| ≤ 2.  Source: Hairer, Lubich & Wanner (2006), section I.5.2.
    """
    weights = composition(name).weights
    phase = np.linspace(0.0, 20.0, 20001)[1:]
    step = np.broadcast_to(np.eye(2), (len(phase), 2, 2))
    for w in weights:
        h = w * phase
        one = 1.0 - 0.5 * h * h
        kicked = np.stack([one, h, -h * (1.0 - 0.25 * h * h), one], axis=1).reshape(-1, 2, 2)
        step = kicked @ step
    unstable = np.abs(np.trace(step, axis1=1, axis2=2)) > 2.0 + 1e-9
    return float(phase[max(int(np.argmax(unstable)) - 1, 0)]) / 2.0
