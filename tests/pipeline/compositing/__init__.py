"""Tests of pipeline/compositing."""
