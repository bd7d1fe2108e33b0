"""Tests of pipeline/scene."""
