"""What operators look at and do: jobs of all clients, retries, workers and their draining, a run for the simulator."""
