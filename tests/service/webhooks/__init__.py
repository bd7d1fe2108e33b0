"""Tests of service/webhooks."""
