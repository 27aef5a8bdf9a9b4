"""A species of particles: charge, mass, and how its momenta are pushed."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .errors import ParticleError

PUSHERS = ("boris", "vay", "higuera_cary")


@dataclass(frozen=True)
class Species:
    """Real particles of one kind, of which macro-particles stand for many.

    charge, mass: of one real particle, mass > 0
    relativistic: u = γ v with γ² = 1 + u²/c², or u = v
    pusher: "boris" (Boris 1970), "vay" (Vay 2008) or "higuera_cary" (Higuera & Cary 2017); the last two are
        at rest in the drift E + v × B = 0 exactly; not relativistic, all three are the same
    weight: real particles of each macro-particle, or None where each has its own
    tracked: each macro-particle keeps a 64-bit id
    Raises ParticleError for what is not one of these.
    """

    name: str
    charge: float
    mass: float
    relativistic: bool = True
    pusher: str = "boris"
    weight: float | None = None
    tracked: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.mass) and self.mass > 0 and math.isfinite(self.charge)):
            raise ParticleError(
                f"species '{self.name}': charge {self.charge:g} and mass {self.mass:g}; a finite charge and "
                "a mass above 0 are needed"
            )
        if self.pusher not in PUSHERS:
            raise ParticleError(
                f"species '{self.name}': pusher '{self.pusher}' is unknown; "
                f"choose one of {', '.join(PUSHERS)}"
            )
        if self.weight is not None and not (math.isfinite(self.weight) and self.weight > 0):
            raise ParticleError(
                f"species '{self.name}': weight {self.weight:g}: above 0, or None for one per particle"
            )
