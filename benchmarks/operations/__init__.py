"""Benchmarks of operations on real processes under load: alerts, rolling restarts, upgrades."""
