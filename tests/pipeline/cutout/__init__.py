"""Tests of pipeline/cutout."""
