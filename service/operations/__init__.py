"""Tools for operators: jobs of all clients, retries, draining of workers, archives, and exports."""
