"""Diffusers pipelines as generators: the known models and how Backdrop runs them."""
