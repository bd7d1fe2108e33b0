"""Kernels of colours: transfer curves, Lab and its differences, clusters, and 8-bit codes with dither."""
