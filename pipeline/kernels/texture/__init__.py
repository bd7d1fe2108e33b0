"""Kernels of textures: noise, finishes, lights out of focus, and texture lookup."""
