"""The kind "fluid": two-dimensional Euler and Navier-Stokes flows, their job files and their simulations."""
