"""Everything that touches the world: HTTP, database, queue, object store, command line."""
