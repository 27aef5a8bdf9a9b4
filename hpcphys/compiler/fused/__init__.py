"""Native loops: many steps of a program in one call, for operations that are functions of compiled libraries."""
