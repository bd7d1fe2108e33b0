"""Tests of service/supervisor."""
