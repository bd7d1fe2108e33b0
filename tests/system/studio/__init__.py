"""Tests of the studio page, as a person uses it."""
