"""Tests of pipeline/photo."""
