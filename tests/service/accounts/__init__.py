"""Tests of service/accounts/clients."""
