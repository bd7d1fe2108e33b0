"""Colours value by value: transfer curves, Lab and its distances, clusters, codes with dither."""
