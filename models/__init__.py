"""Neural networks (not database tables): loading, devices, weights."""
