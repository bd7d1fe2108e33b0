"""Tests of service/database/engine."""
