"""Tests of pipeline/core."""
