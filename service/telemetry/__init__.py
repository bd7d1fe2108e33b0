"""Observability of a process: metrics, logs and traces."""
