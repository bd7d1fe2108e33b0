"""Pictures row by row: resampled, filtered, laid over one another."""
