"""Physics: one module per system, with its equations and its list of pieces."""
