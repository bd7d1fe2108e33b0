"""Kernels of textures: lights out of focus, and texture lookup."""
