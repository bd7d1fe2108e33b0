"""Tests of pipeline/background."""
