"""Whether a process, and the installation around it, can do its part: what is looked at, and how it is told."""
