"""Two-dimensional flows in vorticity form on the periodic square: grid, engine, forcing, diagnostics."""
