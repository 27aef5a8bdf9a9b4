"""The kind "gravity": self-gravitating particles, their job files and their simulations."""
