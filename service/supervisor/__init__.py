"""Child processes: starts, watches, replaces and stops them."""
