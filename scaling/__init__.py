"""Benchmarks: each program prints ratios measured in one run, beside the limits of the machine it ran on."""
