"""Adaptive steps that stay geometric: controllers, transformations of time, block steps.

Transformations of expressions, which need SymPy, are in hpcphys.compiler.adaptive.expressions.
"""

from __future__ import annotations

from hpcphys.compiler.adaptive.block_steps import BlockStage, BlockSteps, PowerOfTwoSteps, block_schedule
from hpcphys.compiler.adaptive.integrating import DensityCriterion, IntegratingSteps
from hpcphys.compiler.adaptive.symmetric import RESETS, STEP, Criterion, StepError, SymmetricSteps
from hpcphys.compiler.adaptive.time_transformation import (
    TransformedPieces,
    logarithmic_pieces,
    sundman_pieces,
)

__all__ = [
    "RESETS",
    "STEP",
    "BlockStage",
    "BlockSteps",
    "Criterion",
    "DensityCriterion",
    "IntegratingSteps",
    "PowerOfTwoSteps",
    "StepError",
    "SymmetricSteps",
    "TransformedPieces",
    "block_schedule",
    "logarithmic_pieces",
    "sundman_pieces",
]
