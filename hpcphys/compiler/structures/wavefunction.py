"""The Schrödinger equation on a grid as a Hamiltonian system: dψ/dt = -i δH/δψ*."""

from __future__ import annotations

from typing import Any

from hpcphys.compiler.state import State
from hpcphys.compiler.structures.base import Arrays, Structure

WAVEFUNCTION = "wavefunction"


class WavefunctionStructure(Structure):
    """dψ/dt = -i δH/δψ*  with ħ = 1: canonical in the real and imaginary parts of sqrt(2) ψ.

    A gradient is δH/δψ* on the grid, H|ψ> for H = <ψ|H|ψ>. There is no Casimir; the norm ∫|ψ|² is conserved
    by every H that does not change with the phase of ψ. Time is reversed by complex conjugation (for a real
    H, without a vector potential).
    Source: Heslot (1985) Phys. Rev. D 31, 1341.
    """

    name = "wavefunction"
    equation = "i dpsi/dt = dH/dpsi*"

    def bracket(self, z: Arrays, gradient: Arrays) -> dict[str, Any]:
        """-i δH/δψ*, for every array of the gradient."""
        return {name: -1j * slope for name, slope in gradient.items()}

    def reverse(self, state: State) -> None:
        """ψ <- ψ*."""
        psi = state[WAVEFUNCTION]
        psi[...] = psi.conj()
