"""The tests. They start every server that they need and leave nothing behind."""
