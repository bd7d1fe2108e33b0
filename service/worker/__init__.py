"""Carrying out swaps: as a job from the queue, or in this process."""
