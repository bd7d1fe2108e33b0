"""From a photo to the product alone: alpha, own colours, warnings, contact line and camera pose."""
