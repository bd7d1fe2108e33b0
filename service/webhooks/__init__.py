"""Messages to clients: outbox, endpoints, delivery, and which addresses may be reached."""
