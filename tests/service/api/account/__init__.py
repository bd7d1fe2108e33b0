"""Tests of brands, keys and webhook settings in service/api."""
