"""From a job file to a finished run: schema, assembly, the loop over steps, checkpoints, signals."""
