"""The scenes, moods and presets as data, and the request that names them."""
