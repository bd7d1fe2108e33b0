"""Runs a whole installation for tests and benchmarks: its servers, fleet, photos, and the user at its page."""
