"""Tests of pipeline/geometry."""
