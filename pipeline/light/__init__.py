"""Light on a scene: traced, exposed, mirrored, toned."""
