"""Operators on Fourier amplitudes: derivatives, Laplacians and inverses, dealiasing, exact diffusion."""

from __future__ import annotations

from .filters import dealias, hou_li, two_thirds
from .grid import SpectralGrid
from .operators import derivative, diffusion_factor, inverse_laplacian, laplacian, translation_factor
from .pieces import InverseLaplacian, diffusion, translation

__all__ = [
    "InverseLaplacian",
    "SpectralGrid",
    "dealias",
    "derivative",
    "diffusion",
    "diffusion_factor",
    "hou_li",
    "inverse_laplacian",
    "laplacian",
    "translation",
    "translation_factor",
    "two_thirds",
]
