"""Tools for operators: jobs of all clients, draining of workers, archives, and exports."""
