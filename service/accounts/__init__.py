"""Clients, their keys, credits, brands and rate limits."""
