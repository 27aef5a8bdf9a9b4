"""The kind "wavefunction": the Schrödinger and Gross-Pitaevskii equations on a grid, job files and runs."""
