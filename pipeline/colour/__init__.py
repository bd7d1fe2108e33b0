"""Colour spaces, palettes, colours that go together, and the light that a photo was taken in."""
