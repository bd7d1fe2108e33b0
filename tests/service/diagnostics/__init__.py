"""Tests of service/diagnostics."""
