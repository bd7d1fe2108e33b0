"""Tests of pipeline/placement."""
