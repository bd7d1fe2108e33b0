"""Object stores, the registry of what lies in them, the cache, and expiry."""
