"""Blocks of a box with halos: short-range pairs on any number of ranks."""
