"""Native loops: many steps of a program in one call of compiled code."""
