"""Zeitlin's model of ideal flow: every Casimir of the truncated bracket is conserved."""

from __future__ import annotations

from hpcphys.physics.zeitlin.isospectral import IsospectralMidpoint
from hpcphys.physics.zeitlin.sine_bracket import SineBracket
from hpcphys.physics.zeitlin.structure import ZeitlinStructure
from hpcphys.physics.zeitlin.system import zeitlin

__all__ = ["IsospectralMidpoint", "SineBracket", "ZeitlinStructure", "zeitlin"]
