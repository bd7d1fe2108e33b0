"""What breaks it: storms, broken files, odd requests."""
