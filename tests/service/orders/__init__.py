"""Tests of service/orders."""
