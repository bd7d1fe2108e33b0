"""Tests of cut-outs over the API."""
