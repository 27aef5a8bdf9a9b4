"""A chain of equal masses and springs between two walls: the sum of its normal modes."""

from __future__ import annotations

import numpy as np

from hpcphys.physics.zoo.system import ZooSystem


def harmonic_chain(
    size: int = 16, stiffness: float = 1.0, mode: int = 1, amplitude: float = 1.0
) -> ZooSystem:
    """H = sum p_j²/2 + k/2 sum (q_{j+1} - q_j)² with fixed ends; mode n oscillates at
    w_n = 2 sqrt(k) sin(n pi / (2 (N+1))).

    size: N masses;  stiffness: k [1/time²];  mode: the one that is plucked;  amplitude: of its middle
    Source: Goldstein, Poole & Safko (2002), Classical Mechanics, section 6.2 (normal modes).
    """
    if size < 2 or not 1 <= mode <= size:
        raise ValueError(f"mode {mode} of {size} masses; allowed: size from 2, mode from 1 to size")
    j = np.arange(1, size + 1)
    shape = amplitude * np.sin(np.pi * mode * j / (size + 1))
    frequency = 2.0 * np.sqrt(stiffness) * np.sin(0.5 * np.pi * mode / (size + 1))

    def exact(time: np.ndarray) -> dict[str, np.ndarray]:
        phase = frequency * np.asarray(time)[:, None]
        return {"q": np.cos(phase) * shape, "p": -frequency * np.sin(phase) * shape}

    last = size - 1
    return ZooSystem(
        name="harmonic_chain",
        title=f"harmonic chain of {size} masses, mode {mode}",
        source="Goldstein, Poole & Safko (2002), section 6.2",
        variables=(f"q[{size}]", f"p[{size}]"),
        expression={
            "kinetic": "dot(p, p)/2",
            "potential": f"k/2*(q[0]^2 + q[{last}]^2 + sum((q[j + 1] - q[j])^2, j, 0, {last - 1}))",
        },
        parameters={"k": stiffness},
        initial={"q": shape.tolist(), "p": [0.0] * size},
        reference=exact,
        facts={"frequency": float(frequency)},
    )
