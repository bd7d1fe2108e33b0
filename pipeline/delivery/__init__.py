"""Encode the picture to a file that its place of publication accepts, and report on that file."""
