"""Swaps: as jobs from the queue, or in this process."""
