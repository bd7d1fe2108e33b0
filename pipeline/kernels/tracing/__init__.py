"""Kernels that trace rays through solids and terrain: what the camera sees, and the light that reaches it."""
