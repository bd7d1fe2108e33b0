"""Fixtures' parts, stand-ins and servers that several test files share."""
