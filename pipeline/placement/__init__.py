"""Decide where a product goes: from facts of its cut-out to a place or a refusal."""
