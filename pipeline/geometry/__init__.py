"""Rays and the shapes that they meet; independent of scenes."""
