"""Point vortices of the plane: a ring that turns as a whole, or two pairs that leapfrog."""

from __future__ import annotations

import math

import numpy as np

from hpcphys.physics.zoo.system import ZooSystem


def point_vortices(arrangement: str = "leapfrog", size: int = 5, ratio: float = 0.3) -> ZooSystem:
    """H = -1/(4 pi) sum over pairs Gamma_i Gamma_j log r_ij², Kirchhoff's.

    arrangement: "ring" of `size` equal vortices on the unit circle, which turns at (size - 1)/(4 pi) and is
        stable up to 7; "leapfrog" of two pairs of width 1 and `ratio`, which overtake each other for ever
        where ratio is above 3 - 2 sqrt(2) = 0.1716
    Source: Newton (2001), The N-Vortex Problem; Thomson (1883), A Treatise on the Motion of Vortex Rings;
    Love (1893) Proc. Lond. Math. Soc. 25, 185.
    """
    if arrangement == "ring":
        if size < 2:
            raise ValueError(f"size {size}; a ring needs 2 vortices at least")
        angle = 2.0 * math.pi * np.arange(size) / size
        x, y, strength = np.cos(angle), np.sin(angle), [1.0] * size
    elif arrangement == "leapfrog":
        if not 0.0 < ratio < 1.0:
            raise ValueError(f"ratio {ratio}; allowed: between 0 and 1")
        x, y = np.zeros(4), np.array([0.5, -0.5, 0.5 * ratio, -0.5 * ratio])
        strength = [1.0, -1.0, 1.0, -1.0]
    else:
        raise ValueError(f"arrangement {arrangement!r}; allowed: ring, leapfrog")
    n, turning = len(strength), (len(strength) - 1) / (4.0 * math.pi)

    def exact(time: np.ndarray) -> dict[str, np.ndarray]:
        angles = np.arctan2(y, x) + turning * np.asarray(time)[:, None]
        return {"x": np.cos(angles), "y": np.sin(angles)}

    pairs = " + ".join(
        f"Gamma[{i}]*Gamma[{j}]*log((x[{i}] - x[{j}])^2 + (y[{i}] - y[{j}])^2)"
        for i in range(n)
        for j in range(i + 1, n)
    )
    return ZooSystem(
        name="point_vortices",
        title=f"{n} point vortices, {arrangement}",
        source="Newton (2001), The N-Vortex Problem",
        structure="vortices",
        options={"circulation": "Gamma"},
        variables=(f"x[{n}]", f"y[{n}]"),
        expression=f"-({pairs})/(4*pi)",
        parameters={"Gamma": strength},
        conserved={
            "impulse_x": f"sum(Gamma[j]*y[j], j, 0, {n - 1})",
            "impulse_y": f"sum(Gamma[j]*x[j], j, 0, {n - 1})",
            "angular_impulse": f"sum(Gamma[j]*(x[j]^2 + y[j]^2), j, 0, {n - 1})",
        },
        initial={"x": x.tolist(), "y": y.tolist()},
        reference=exact if arrangement == "ring" else None,
        facts={"turning_rate": turning} if arrangement == "ring" else {},
    )
