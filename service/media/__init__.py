"""A client's photos and pictures: how photos are stored, and how photos and renders are deleted."""
