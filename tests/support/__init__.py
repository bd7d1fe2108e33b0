"""Fixtures' parts and stand-ins that several test files share."""
