"""Tests of pipeline/materials."""
