"""Benchmarks of the picture: cut-out, halo, fidelity, palette, presets."""
