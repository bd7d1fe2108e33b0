"""A job from its submit to its end: intake, transitions, queue, sweep, and those who wait for it."""
