"""`backdrop batch`: swaps a folder of photos for several presets, at a server or on this machine."""
