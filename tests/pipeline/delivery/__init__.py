"""Tests of pipeline/delivery."""
