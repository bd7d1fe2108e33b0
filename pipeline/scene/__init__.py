"""A spec to a layout: camera, solids, light rig, and what the camera sees of them."""
