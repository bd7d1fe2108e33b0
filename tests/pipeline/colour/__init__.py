"""Tests of pipeline/colour/spaces."""
