"""Who owns what and how it moves: the only part of the program that knows MPI."""
