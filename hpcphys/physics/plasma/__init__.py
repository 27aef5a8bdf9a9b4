"""Plasmas: particles in cells and the fields that move them, ∂E/∂t = c² ∇×B - J/ε0, ∂B/∂t = -∇×E."""
