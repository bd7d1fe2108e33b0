"""From a spec to a layout: camera, solids, light rig, and the camera's view of them."""
