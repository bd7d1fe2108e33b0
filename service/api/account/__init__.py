"""The routes of a client's brands, keys and webhook."""
