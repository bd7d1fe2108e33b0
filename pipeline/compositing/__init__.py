"""The product into its scene: placed, its shadow and mirror image, laid over the background."""
