"""Tests of service/cli/main."""
