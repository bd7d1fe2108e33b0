"""Rays and the shapes that they meet; knows no scene."""
