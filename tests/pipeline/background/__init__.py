"""Tests of pipeline/background/paint."""
