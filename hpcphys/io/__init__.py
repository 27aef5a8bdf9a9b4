"""File formats: rows of particles, time series, summaries, and the snapshot formats of each field."""
