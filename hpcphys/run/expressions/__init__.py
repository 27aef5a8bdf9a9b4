"""The kind "hamiltonian": systems that are stated as expressions, their job files and their simulations."""
