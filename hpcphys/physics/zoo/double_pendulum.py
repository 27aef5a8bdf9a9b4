"""Two pendulums, one hanging from the other: chaos of a kitchen table."""

from __future__ import annotations

from hpcphys.physics.zoo.system import ZooSystem


def double_pendulum(
    m: list[float] | None = None,
    l: list[float] | None = None,  # noqa: E741 (the name that its readers know)
    g: float = 9.81,
) -> ZooSystem:
    """H(angle, spin): kinetic energy by the inverse of the mass matrix; not separable.

    m: two masses;  l: two lengths;  g: acceleration of gravity
    H = [m_1 l_1² s_0² + M l_0² s_1² - 2 m_1 l_0 l_1 s_0 s_1 cos d] / (2 m_1 l_0² l_1² (m_0 + m_1 sin² d))
        - M g l_0 cos a_0 - m_1 g l_1 cos a_1,   d = a_0 - a_1,  M = m_0 + m_1
    Source: Landau & Lifshitz (1976), Mechanics, section 5, problem 1 (its Lagrangian, Legendre-transformed).
    """
    masses, lengths = m or [1.0, 1.0], l or [1.0, 1.0]
    if len(masses) != 2 or len(lengths) != 2:
        raise ValueError("m and l have one number for each of the 2 pendulums")
    return ZooSystem(
        name="double_pendulum",
        title="double pendulum",
        source="Landau & Lifshitz (1976), section 5, problem 1",
        variables=("q[2]", "p[2]"),
        expression="kinetic + potential",
        definitions={
            "d": "q[0] - q[1]",
            "kinetic": "(m[1]*l[1]^2*p[0]^2 + (m[0] + m[1])*l[0]^2*p[1]^2"
            " - 2*m[1]*l[0]*l[1]*p[0]*p[1]*cos(d))"
            "/(2*m[1]*l[0]^2*l[1]^2*(m[0] + m[1]*sin(d)^2))",
            "potential": "-(m[0] + m[1])*g*l[0]*cos(q[0]) - m[1]*g*l[1]*cos(q[1])",
        },
        parameters={"m": masses, "l": lengths, "g": g},
        observables={
            "x": "l[0]*sin(q[0]) + l[1]*sin(q[1])",
            "y": "-l[0]*cos(q[0]) - l[1]*cos(q[1])",
        },
        initial={"q": [2.0, 2.5], "p": [0.0, 0.0]},
    )
