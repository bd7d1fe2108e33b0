"""Tests of pipeline/colour."""
