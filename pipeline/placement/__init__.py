"""Where a product goes: facts of its cut-out in, a place or a refusal out."""
