"""How fast is the studio page, in a real browser."""
