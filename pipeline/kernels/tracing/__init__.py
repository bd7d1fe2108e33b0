"""Rays followed through solids and terrain: what is seen, and what light reaches it."""
