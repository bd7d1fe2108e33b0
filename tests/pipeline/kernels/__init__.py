"""Tests of pipeline/kernels: each kernel against the plain NumPy form of what it computes."""
