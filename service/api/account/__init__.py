"""The routes of a client's brands, keys, webhook, and all of its data."""
