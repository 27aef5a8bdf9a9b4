"""Liquids: atoms with forces of a short range in an ensemble, with rigid molecules."""

from __future__ import annotations

from hpcphys.physics.liquids.barostats import AxesRescaling, BerendsenBarostat, CellRescaling
from hpcphys.physics.liquids.chains import NoseHooverChain
from hpcphys.physics.liquids.langevin import Langevin
from hpcphys.physics.liquids.motion import Motion
from hpcphys.physics.liquids.mtk import MartynaTobiasKlein
from hpcphys.physics.liquids.pressure import pressure_tensor
from hpcphys.physics.liquids.rescaling import BerendsenThermostat, VelocityRescaling
from hpcphys.physics.liquids.rigid import RigidMolecules
from hpcphys.physics.liquids.setting import Ensemble, Setting
from hpcphys.physics.liquids.system import Liquid, conserved, liquid
from hpcphys.physics.liquids.templates import Template, chain, dumb_bell, three_site
from hpcphys.physics.liquids.velocities import maxwell_boltzmann, remove_centre_of_mass

__all__ = [
    "AxesRescaling",
    "BerendsenBarostat",
    "BerendsenThermostat",
    "CellRescaling",
    "Ensemble",
    "Langevin",
    "Liquid",
    "MartynaTobiasKlein",
    "Motion",
    "NoseHooverChain",
    "RigidMolecules",
    "Setting",
    "Template",
    "VelocityRescaling",
    "chain",
    "conserved",
    "dumb_bell",
    "liquid",
    "maxwell_boltzmann",
    "pressure_tensor",
    "remove_centre_of_mass",
    "three_site",
]
