"""Layers of text and logos on the finished picture."""
