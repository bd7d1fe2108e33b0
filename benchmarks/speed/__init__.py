"""How long things take, and the memory that they need."""
