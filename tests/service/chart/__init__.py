"""Tests of service/chart."""
