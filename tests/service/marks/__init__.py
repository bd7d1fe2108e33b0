"""Tests of service/marks."""
