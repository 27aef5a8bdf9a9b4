"""The damped oscillator once more, as a contact Hamiltonian system: with its action, it is geometry."""

from __future__ import annotations

from hpcphys.physics.zoo.damped_oscillator import damped_motion
from hpcphys.physics.zoo.system import ZooSystem


def contact_oscillator(damping: float = 0.1, frequency: float = 1.0, position: float = 1.0) -> ZooSystem:
    """H = p²/2 + w² q²/2 + damping s: dp/dt = -w² q - damping p, and ds/dt = p.dH/dp - H.

    s starts where H = 0, a surface that the motion never leaves: H stays zero while the energy fades.
    Source: Bravetti, Cruz & Tapias (2017) Ann. Phys. 376, 17, section 3.2.
    """
    if damping <= 0.0:
        raise ValueError(f"damping {damping}; it must be positive")
    return ZooSystem(
        name="contact_oscillator",
        title=f"contact oscillator, damping {damping:g}",
        source="Bravetti, Cruz & Tapias (2017) Ann. Phys. 376, 17",
        structure="contact",
        variables=("q", "p", "s"),
        expression={"kinetic": "p^2/2", "potential": "w^2*q^2/2", "damping": "damping*s"},
        parameters={"w": frequency, "damping": damping},
        observables={"mechanical_energy": "p^2/2 + w^2*q^2/2"},
        initial={"q": position, "p": 0.0, "s": -(frequency**2) * position**2 / (2.0 * damping)},
        reference=damped_motion(damping, frequency, position),
    )
