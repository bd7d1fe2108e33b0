"""Tests of service/storage."""
