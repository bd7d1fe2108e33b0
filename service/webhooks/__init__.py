"""Webhook messages to clients: outbox, endpoints, delivery, and the check of addresses."""
