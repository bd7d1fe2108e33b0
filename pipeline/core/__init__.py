"""What every stage shares: the spec, the arrays between stages, errors, network protocols, AI marks."""
