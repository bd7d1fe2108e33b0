"""Tests of service/media."""
