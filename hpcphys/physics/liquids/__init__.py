"""Liquids: atoms with forces of a short range in an ensemble, with rigid molecules."""

from __future__ import annotations

from hpcphys.physics.liquids.chains import NoseHooverChain
from hpcphys.physics.liquids.langevin import Langevin
from hpcphys.physics.liquids.motion import Motion
from hpcphys.physics.liquids.rescaling import BerendsenThermostat, VelocityRescaling
from hpcphys.physics.liquids.setting import Ensemble, Setting
from hpcphys.physics.liquids.system import Liquid, conserved, liquid
from hpcphys.physics.liquids.velocities import maxwell_boltzmann, remove_centre_of_mass

__all__ = [
    "BerendsenThermostat",
    "Ensemble",
    "Langevin",
    "Liquid",
    "Motion",
    "NoseHooverChain",
    "Setting",
    "VelocityRescaling",
    "conserved",
    "liquid",
    "maxwell_boltzmann",
    "remove_centre_of_mass",
]
