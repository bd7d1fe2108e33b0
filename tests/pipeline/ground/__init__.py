"""Tests of pipeline/ground."""
