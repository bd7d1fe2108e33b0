"""Tests of service/schemas."""
