"""A job from its submit to its end: intake, transitions, queue, sweep, and notification of waiting clients."""
