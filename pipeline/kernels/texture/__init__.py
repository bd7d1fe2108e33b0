"""Textures: noise, finishes, lights out of focus, and their lookup."""
