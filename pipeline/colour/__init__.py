"""Colour spaces, palettes, colour harmony, and the light of a photo."""
