"""The look of surfaces without light: albedo, textures, lights out of focus."""
