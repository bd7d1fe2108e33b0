"""Tests of pipeline/light/first_light."""
