"""Tests of pipeline/light."""
