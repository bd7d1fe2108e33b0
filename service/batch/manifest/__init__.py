"""What a batch is to make: spec file, photos, pairs, state, outcomes."""
