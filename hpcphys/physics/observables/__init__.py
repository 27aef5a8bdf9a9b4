"""What is measured in a liquid, while it runs.

Each observable looks at samples of the state, keeps sums, and has a result with an error at any time.

    observable.sample(...)      add one sample; collective
    observable.result(...)      what was measured so far, the same on all ranks
    observable.saved()/restore  all that it remembers, for a checkpoint: going on is bit for bit

docs/observables.md has the definitions.
"""

from __future__ import annotations

from hpcphys.physics.observables.displacement import MeanSquareDisplacement, yeh_hummer
from hpcphys.physics.observables.estimates import BlockAverage, Estimate, block_estimate
from hpcphys.physics.observables.heat_capacity import HeatCapacity
from hpcphys.physics.observables.lags import Lags
from hpcphys.physics.observables.multi_tau import MultiTau
from hpcphys.physics.observables.pressure import pressure_tensor, shear_components
from hpcphys.physics.observables.radial import RadialDistribution
from hpcphys.physics.observables.saved import Saved
from hpcphys.physics.observables.segments import Measured, Segments
from hpcphys.physics.observables.structure import StructureFactor
from hpcphys.physics.observables.velocity import VelocityAutocorrelation
from hpcphys.physics.observables.viscosity import Viscosity

__all__ = [
    "BlockAverage",
    "Estimate",
    "HeatCapacity",
    "Lags",
    "MeanSquareDisplacement",
    "Measured",
    "MultiTau",
    "RadialDistribution",
    "Saved",
    "Segments",
    "StructureFactor",
    "VelocityAutocorrelation",
    "Viscosity",
    "block_estimate",
    "pressure_tensor",
    "shear_components",
    "yeh_hummer",
]
