"""Diffusers pipelines as generators: which models are known, how they are run, and where their latents keep colour."""
