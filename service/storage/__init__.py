"""Object stores, the registry of their objects, the cache, and expiry."""
