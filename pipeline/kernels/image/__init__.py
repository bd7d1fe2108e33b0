"""Kernels of images, row by row: resampling, filters, layers."""
