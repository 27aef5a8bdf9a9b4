"""Wavefunctions on grids: i dψ/dt = [(p - qA)²/2m + V(x, t) + g|ψ|² - iW(x)] ψ, by split operators."""
