"""What surfaces look like before light falls on them: albedo, textures, lights out of focus."""
