"""Tests of service/jobs/transitions."""
