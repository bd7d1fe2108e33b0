"""Cut-outs: their facts, and the masks that callers edit, stored by client and photo."""
