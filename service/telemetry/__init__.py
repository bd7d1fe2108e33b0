"""Observability of a process: its metrics port, metrics, logs and traces."""
