"""Orders of many pictures: photos x variants x presets under one key, one price and one status."""
