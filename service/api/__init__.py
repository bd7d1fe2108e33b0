"""The API process: the app, its guards and its routes."""
