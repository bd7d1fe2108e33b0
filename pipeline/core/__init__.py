"""Types and small tools that every stage shares: spec, arrays between stages, errors, network protocols, AI marks."""
