"""The tests. They start every server they need and leave nothing behind."""
