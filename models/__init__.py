"""Neural networks (not database tables): loading, device, weights."""
