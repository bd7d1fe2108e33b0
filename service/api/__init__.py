"""The API process: its app, guards and routes."""
