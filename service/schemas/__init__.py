"""The API's contract: bodies, answers, problems, OpenAPI."""
