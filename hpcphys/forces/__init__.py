"""Force fields: how accelerations and potentials are computed, by tree or by direct sums."""
