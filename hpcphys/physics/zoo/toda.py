"""Toda's lattice: exponential springs, as many integrals as masses."""

from __future__ import annotations

import numpy as np

from hpcphys.physics.zoo.system import Series, ZooSystem


def toda(size: int = 8, amplitude: float = 1.0) -> ZooSystem:
    """H = sum p_j²/2 + sum [exp(-r_j) + r_j - 1], r_j = q_{j+1} - q_j on a ring.

    size: N masses;  amplitude: of the momenta at the start, a wave and its second harmonic
    With a_j² = exp(-r_j)/4, b_j = -p_j/2 the Lax matrix L (b on the diagonal, a beside it and in the corners)
    keeps its eigenvalues.  The traces of L³ and L⁴ are watched as integrals, all eigenvalues in the results.
    Source: Toda (1967) J. Phys. Soc. Japan 22, 431; Flaschka (1974) Phys. Rev. B 9, 1924.
    """
    if size < 5:
        raise ValueError(f"size {size}; at least 5, so that the traces do not wind round the ring")
    j, n = np.arange(size), size
    momenta = amplitude * (np.sin(2 * np.pi * j / n) + 0.5 * np.cos(4 * np.pi * j / n))
    ring = f"exp(-(q[(j + 1) % {n}] - q[j]))/4"  # a_j²
    after = f"exp(-(q[(j + 2) % {n}] - q[(j + 1) % {n}]))/4"
    b, c = "(-p[j]/2)", f"(-p[(j + 1) % {n}]/2)"
    return ZooSystem(
        name="toda",
        title=f"Toda lattice of {n} masses",
        source="Flaschka (1974) Phys. Rev. B 9, 1924",
        variables=(f"q[{n}]", f"p[{n}]"),
        expression={
            "kinetic": "dot(p, p)/2",
            "potential": f"sum(exp(-(q[(j + 1) % {n}] - q[j])) - 1, j, 0, {n - 1})",
        },
        conserved={
            "momentum": f"sum(p[j], j, 0, {n - 1})",
            "trace_3": f"sum({b}^3 + 3*{ring}*({b} + {c}), j, 0, {n - 1})",
            "trace_4": f"sum({b}^4 + 4*{ring}*({b}^2 + {b}*{c} + {c}^2) + 2*({ring})^2 + 4*{ring}*{after}, "
            f"j, 0, {n - 1})",
        },
        initial={"q": [0.0] * n, "p": momenta.tolist()},
        results=eigenvalue_error,
    )


def lax_eigenvalues(q: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Eigenvalues of the Lax matrix, ascending.  q, p: (..., N) -> (..., N)"""
    n = q.shape[-1]
    a = 0.5 * np.exp(-0.5 * (np.roll(q, -1, axis=-1) - q))
    lax = np.zeros((*q.shape, n))
    j = np.arange(n)
    lax[..., j, j] = -0.5 * p
    lax[..., j, (j + 1) % n] = lax[..., (j + 1) % n, j] = a
    return np.linalg.eigvalsh(lax)


def eigenvalue_error(series: Series) -> dict[str, float]:
    """Largest change of any eigenvalue of the Lax matrix."""
    if "q" not in series:
        return {}
    spectrum = lax_eigenvalues(series["q"], series["p"])
    return {"lax_eigenvalue_error": float(np.abs(spectrum - spectrum[0]).max())}
