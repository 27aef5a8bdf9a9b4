"""Initial conditions: each model makes any range of rows of one global, rank-independent realisation.

`models` maps the name in a job file to `function(count, rng_seed, *, first, last, **parameters)`, which
returns the arrays position, velocity, mass, id (and `type`, the GADGET particle type, where a model has
more than one component) of the rows [first, last).
`realisation` is the whole door: this rank's even share of a model, centre of mass at rest at the origin.
"""

from __future__ import annotations

from hpcphys.initial.centre import remove_centre_of_mass
from hpcphys.initial.realise import models, parameters, realisation

__all__ = ["models", "parameters", "realisation", "remove_centre_of_mass"]
