"""Benchmarks that try to break Backdrop: storms, broken files, odd requests."""
