"""A chain of classical spins with Heisenberg's exchange: a product of rotation groups."""

from __future__ import annotations

import math

from hpcphys.physics.zoo.system import ZooSystem


def spin_chain(size: int = 6, exchange: float = 1.0, tilt: float = 0.5) -> ZooSystem:
    """H = -exchange sum S_j . S_{j+1} on a ring of unit spins; dS_j/dt = S_j x dH/dS_j.

    size: even number of spins, from 4;  exchange: J, positive for a ferromagnet [energy]
    tilt: angle of every spin to the third axis at the start [rad], one turn round the ring: a spin wave,
    which
        goes round at the frequency  w = 2 J (1 - cos k) cos(tilt),  k = 2 pi/size
    The length of each spin is a Casimir, the total spin is conserved.
    Source: Landau & Lifshitz (1935) Phys. Z. Sowjetunion 8, 153; Frank, Huang & Leimkuhler (1997) J. Comput.
    Phys. 133, 160 (splitting of spin systems).
    """
    if size < 4 or size % 2:
        raise ValueError(f"size {size}; an even number of spins, at least 4")
    k = 2.0 * math.pi / size
    names = [f"s{j}" for j in range(size)]
    bonds = {f"bond_{j}": f"-J*dot(s{j}, s{(j + 1) % size})" for j in range(size)}
    start = {
        f"s{j}": [math.sin(tilt) * math.cos(k * j), math.sin(tilt) * math.sin(k * j), math.cos(tilt)]
        for j in range(size)
    }
    total = {f"spin_{axis}": " + ".join(f"s{j}[{c}]" for j in range(size)) for c, axis in enumerate("xyz")}
    return ZooSystem(
        name="spin_chain",
        title=f"ring of {size} spins",
        source="Frank, Huang & Leimkuhler (1997) J. Comput. Phys. 133, 160",
        structure="product",
        options={"factors": [{"name": "so3", "variables": [name]} for name in names]},
        variables=tuple(f"{name}[3]" for name in names),
        expression=bonds,
        parameters={"J": exchange},
        conserved=total,
        initial=start,
        facts={"frequency": 2.0 * exchange * (1.0 - math.cos(k)) * math.cos(tilt)},
    )
