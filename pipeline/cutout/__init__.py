"""Cut the product out of its photo: alpha, own colours, warnings, contact line and camera pose."""
