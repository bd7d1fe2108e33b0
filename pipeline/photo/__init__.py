"""Decode a photo's bytes to upright sRGB pixels; nothing that a file claims is trusted."""
