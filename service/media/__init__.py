"""The photos and pictures of a client: how photos come in, and how either is deleted."""
