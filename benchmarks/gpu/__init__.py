"""The check of a GPU: the configured model, measured step by step."""
