"""Cut-outs of their own: what is told of them, and the masks that callers mend, kept by client and photo."""
