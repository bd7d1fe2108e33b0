"""Compositing of the product into its scene: placement, shadow, mirror image."""
