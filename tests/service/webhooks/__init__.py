"""Tests of service/webhooks/endpoints."""
