"""Diffusers pipelines as generators: which models are known and how they are run."""
