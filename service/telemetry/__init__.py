"""What an operator sees of a process: its port, metrics, logs and traces."""
