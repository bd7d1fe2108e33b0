"""Benchmarks of the studio page in a real browser."""
