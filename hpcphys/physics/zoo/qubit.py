"""A qubit in a rotating field: Rabi's oscillations."""

from __future__ import annotations

import numpy as np

from hpcphys.physics.zoo.system import ZooSystem


def qubit(detuning: float = 0.5, rabi: float = 1.0) -> ZooSystem:
    """i dpsi/dt = H psi with H = [[-detuning, rabi], [rabi, detuning]]/2, from the lower state; hbar = 1.

    The excited state is occupied by  rabi²/w² sin²(w t/2),  w² = rabi² + detuning².
    Source: Rabi (1937) Phys. Rev. 51, 652.
    """
    w = float(np.hypot(detuning, rabi))
    if w == 0.0:
        raise ValueError("detuning and rabi are both zero; nothing would happen")

    def exact(time: np.ndarray) -> dict[str, np.ndarray]:
        c, s = np.cos(0.5 * w * np.asarray(time)), np.sin(0.5 * w * np.asarray(time))
        lower, upper = c + 1j * detuning / w * s, -1j * rabi / w * s
        psi = np.sqrt(2.0) * np.stack([lower, upper], axis=1)
        return {"x": psi.real, "y": psi.imag}

    return ZooSystem(
        name="qubit",
        title="qubit, Rabi oscillations",
        source="Rabi (1937) Phys. Rev. 51, 652",
        structure="quantum",
        options={"real": [["-detuning/2", "rabi/2"], ["rabi/2", "detuning/2"]]},
        variables=("x[2]", "y[2]"),
        expression=None,
        parameters={"detuning": detuning, "rabi": rabi},
        observables={"excited": "(x[1]^2 + y[1]^2)/2"},
        initial={"x": [2.0**0.5, 0.0], "y": [0.0, 0.0]},
        reference=exact,
        facts={"frequency": w},
    )
