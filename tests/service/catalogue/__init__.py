"""Tests of service/catalogue/catalogue."""
