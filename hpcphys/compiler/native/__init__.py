"""Native programs: the operations of expression systems as one generated kernel for CPU and GPU."""
