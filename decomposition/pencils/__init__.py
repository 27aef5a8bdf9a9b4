"""Fields on grids, shared among ranks in slabs and pencils: who owns what, and how it moves."""
