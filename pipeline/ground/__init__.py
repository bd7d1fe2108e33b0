"""A caller's own picture as the background: how it fills the canvas, what it shows of its view and light."""
