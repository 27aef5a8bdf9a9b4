"""The kind "liquid": atoms and rigid molecules with forces of a short range."""
