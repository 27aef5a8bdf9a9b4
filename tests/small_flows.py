"""A small forced flow, for tests of runs."""

FORCED = """
[system]
kind = "fluid"

[grid]
points = 40

[fluid]
viscosity = 1e-3
drag = 0.1

[forcing]
wavenumber = 7

[initial]
model = "random"
peak = 4

[time]
steps = 100
adaptive = true
cfl = 0.4

[diagnostics]
budget_every = 2
"""
"""A job; more keys of its last table, and further tables, may follow."""
