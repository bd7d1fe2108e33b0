"""Tests of service/worker/main."""
