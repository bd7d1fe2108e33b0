"""Health of a process and of the installation around it: checks, metrics and probes."""
