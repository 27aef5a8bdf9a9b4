"""The kind "plasma": macro-particles and the fields that they make, electromagnetic or electrostatic."""
